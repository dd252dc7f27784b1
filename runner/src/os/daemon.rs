//! Leaving the terminal, with a launcher that stays to tell how it went.

use super::fork::{ForkError, leave_parent};
use nix::fcntl::OFlag;
use nix::unistd::{chdir, pipe2, setsid};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{IntoRawFd, OwnedFd};
use std::path::Path;

/// What the word for success begins with.
const READY: char = '+';

/// The daemon's line to its launcher, which waits at the other end.
#[derive(Debug)]
pub(crate) struct Launcher(File);

impl Launcher {
    /// Lets the launcher print the pid of the daemon and exit with success.
    pub(crate) fn ready(mut self) {
        let _ = write!(self.0, "{READY}started (pid {})", std::process::id());
    }

    /// Lets the launcher print why there is no daemon, and exit with failure once this process has
    /// ended.
    pub(crate) fn failed(mut self, reason: &str) {
        let _ = self.0.write_all(reason.as_bytes());
        // The launcher reads to the end, which comes with the exit.
        let _ = self.0.into_raw_fd();
    }
}

/// Makes this process a daemon (daemon(7)): a session of its own that can never get a terminal.
///
/// The caller goes on in the daemon; the process that called waits for the [`Launcher`]'s word
/// and exits with it, so success means success.
pub(crate) fn detach() -> Result<Launcher, ForkError> {
    let (read, write) =
        pipe2(OFlag::O_CLOEXEC).map_err(|error| ForkError::Refused(error.into()))?;
    let mut write = Some(write);
    let mut read = Some(read);
    leave_parent(|_| {
        drop(write.take());
        read.take().map_or(1, wait_for_word)
    })?;
    drop(read);
    setsid().map_err(|error| ForkError::Refused(error.into()))?;
    leave_parent(|_| 0)?;
    let write = write.ok_or_else(|| ForkError::Refused(std::io::ErrorKind::BrokenPipe.into()))?;
    Ok(Launcher(write.into()))
}

/// Moves to a directory that keeps no mount busy.
pub(crate) fn enter(directory: &Path) -> std::io::Result<()> {
    Ok(chdir(directory)?)
}

/// In the launcher: the daemon's word as an exit code.
fn wait_for_word(read: OwnedFd) -> u8 {
    let mut word = String::new();
    let _ = File::from(read).read_to_string(&mut word);
    if let Some(word) = word.strip_prefix(READY) {
        println!("{word}");
        return 0;
    }
    if word.is_empty() {
        eprintln!("the daemon ended before it was ready; its log says why");
    } else {
        eprintln!("{word}");
    }
    1
}
