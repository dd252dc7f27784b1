//! The thread that does the work of a process.

use super::fork::EXIT_PANICKED;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use rustix::process::{Resource, getrlimit};
use std::io;
use std::thread::{Builder, scope};

/// The stack of a thread when that of the process has no limit: what Linux gives programs.
const STACK_SIZE: usize = 8 * 1024 * 1024;

/// Runs `body` on a thread of its own, called `name`, and returns what it returns, or after a panic
/// what programs exit with.
///
/// Nothing that belongs to a thread comes with it: a random generator that the calling thread has
/// used, in a process that forked this one even, does not go on there with the same numbers. The
/// calling thread only waits, and from now on takes no signal from those who do the work.
pub(crate) fn run_on_fresh(name: &str, body: impl FnOnce() -> u8 + Send) -> io::Result<u8> {
    let builder = Builder::new().name(name.replace('\0', "")).stack_size(stack_size());
    scope(|scope| {
        let thread = builder.spawn_scoped(scope, body)?;
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&SigSet::all()), None)?;
        Ok(thread.join().unwrap_or(EXIT_PANICKED))
    })
}

/// As large as that of the thread that waits (getrlimit(2), RLIMIT_STACK).
fn stack_size() -> usize {
    let limit = getrlimit(Resource::Stack).current;
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(STACK_SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_thread_says_is_returned() {
        // On a thread of the test's own, for it takes no signals afterwards.
        let test = std::thread::spawn(|| {
            assert_eq!(run_on_fresh("a\0b", || 7).unwrap(), 7);
            assert_eq!(run_on_fresh("it panics", || panic!("as told")).unwrap(), EXIT_PANICKED);
        });
        test.join().unwrap();
    }
}
