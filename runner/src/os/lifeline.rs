//! The tie between a worker and the life of its master.

use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getppid};
use std::io;

/// Asks the kernel for QUIT when the parent dies, and checks that it has not died before.
///
/// To be called after the last change of user: that clears the request (prctl(2)).
pub(crate) fn drain_when_parent_dies(parent: i32) -> io::Result<()> {
    signal_when_parent_dies(Signal::SIGQUIT, parent)
}

/// The same for KILL, which no program can miss.
pub(crate) fn end_when_parent_dies(parent: i32) -> io::Result<()> {
    signal_when_parent_dies(Signal::SIGKILL, parent)
}

fn signal_when_parent_dies(signal: Signal, parent: i32) -> io::Result<()> {
    prctl::set_pdeathsig(signal)?;
    if getppid() != Pid::from_raw(parent) {
        return Err(io::Error::other("the master has ended meanwhile"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parent that died before the request is not waited for (P35).
    #[test]
    fn a_parent_that_is_gone_is_noticed() {
        let gone = std::process::id().cast_signed();
        assert!(drain_when_parent_dies(gone).is_err());
        // The request ends with the thread that made it, and this one is the test's own.
        prctl::set_pdeathsig(None).unwrap();
    }
}
