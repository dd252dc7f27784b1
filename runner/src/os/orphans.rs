//! Children that this process never started: orphans, which it inherits from descendants that
//! ended before them.

use nix::sys::prctl;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

/// Whether this is process 1 of its pid namespace, as in a container.
pub(crate) fn is_init() -> bool {
    std::process::id() == 1
}

/// Whether this process gets the orphans among its descendants, and has to wait for them: as
/// process 1, or by `PR_SET_CHILD_SUBREAPER` (prctl(2)), which a program keeps that it executes.
pub(crate) fn are_inherited() -> bool {
    is_init() || prctl::get_child_subreaper().unwrap_or(false)
}

/// A child, of whatever origin, that has ended and was not waited for. It still is not: until it
/// is, it may be the one that is found again.
pub(crate) fn ended_child() -> Option<i32> {
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    Some(waitid(Id::All, look).ok()?.pid()?.as_raw())
}

/// Waits for a child that has ended, and forgets how. Returns whether there was one.
pub(crate) fn reap(pid: i32) -> bool {
    let collect = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG;
    waitid(Id::Pid(Pid::from_raw(pid)), collect).is_ok_and(|status| status.pid().is_some())
}
