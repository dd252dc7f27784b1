//! Forking, only from a process with one thread.

use super::process::Child;
use nix::unistd::{ForkResult, Pid, fork};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{fmt, fs};

/// What a child exits with when its code panicked, as programs of Rust do.
pub(super) const EXIT_PANICKED: u8 = 101;

/// Why there is no child.
#[derive(Debug)]
pub(crate) enum ForkError {
    /// The process has more threads than the one that forks; their names.
    Threads(Vec<String>),
    /// The kernel refused.
    Refused(io::Error),
}

impl fmt::Display for ForkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Threads(names) => write!(
                f,
                "cannot fork: the master has {} threads ({}), and a fork copies only one of them; \
                 start threads and async runtimes in `worker_start`, not before",
                names.len(),
                names.join(", ")
            ),
            Self::Refused(error) => write!(f, "cannot fork: {error}"),
        }
    }
}

/// Whether this process may fork.
pub(crate) fn check_threads() -> Result<(), ForkError> {
    let threads = thread_names();
    if threads.len() > 1 { Err(ForkError::Threads(threads)) } else { Ok(()) }
}

/// Forks; the child runs `child`, exits with what it returns, and never comes back from here.
pub(crate) fn spawn(child: impl FnOnce() -> u8) -> Result<Child, ForkError> {
    check_threads()?;
    flush();
    // SAFETY: the process has one thread, so no lock is held by a thread that the child lacks.
    match unsafe { fork() } {
        Ok(ForkResult::Child) => exit_with(child),
        Ok(ForkResult::Parent { child }) => Child::adopt(child).map_err(ForkError::Refused),
        Err(error) => Err(ForkError::Refused(error.into())),
    }
}

/// Forks for good: the parent runs `parent` with the child's pid and exits, the child returns.
/// Two of these around a `setsid` make a daemon.
pub(crate) fn leave_parent(parent: impl FnOnce(Pid) -> u8) -> Result<(), ForkError> {
    check_threads()?;
    flush();
    // SAFETY: the process has one thread, so no lock is held by a thread that the child lacks.
    match unsafe { fork() } {
        Ok(ForkResult::Child) => Ok(()),
        Ok(ForkResult::Parent { child }) => exit_with(|| parent(child)),
        Err(error) => Err(ForkError::Refused(error.into())),
    }
}

/// Runs `body` and exits without running what the other side of the fork left on the stack.
fn exit_with(body: impl FnOnce() -> u8) -> ! {
    let code = catch_unwind(AssertUnwindSafe(body)).unwrap_or(EXIT_PANICKED);
    flush();
    // SAFETY: `_exit` has no preconditions; it skips handlers that belong to the other side.
    unsafe { libc::_exit(code.into()) }
}

/// Writes out what is buffered, so that it is written once and not by both sides of a fork.
fn flush() {
    let _ = io::stdout().flush();
    let _ = io::stderr().flush();
}

/// The names of this process's threads; empty where `/proc` is not mounted.
fn thread_names() -> Vec<String> {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let name = |task: fs::DirEntry| fs::read_to_string(task.path().join("comm"));
    tasks
        .flatten()
        .map(|task| name(task).map_or_else(|_| "?".to_owned(), |name| name.trim().to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_to_fork_beside_other_threads() {
        // The test harness itself runs this test on a thread of its own.
        let Err(error) = spawn(|| 0) else {
            panic!("forked with more than one thread");
        };
        let text = error.to_string();
        assert!(text.contains("threads") && text.contains("worker_start"), "{text}");
    }
}
