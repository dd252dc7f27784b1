//! Waiting for whatever happens next. Nothing here wakes up without a reason.

use super::live::Live;
use super::steering::Orphan;
use crate::os::signal::Signals;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// What there is to look at.
#[derive(Debug, Default)]
pub(super) struct Happened {
    pub(super) signals: bool,
    /// Any of the others: somebody at the control socket, or the trial of a new program.
    pub(super) others: bool,
    /// Workers that have said something or ended.
    pub(super) workers: Vec<i32>,
    /// Sockets in which connections wait that nobody takes.
    pub(super) orphans: Vec<Orphan>,
}

/// Waits for a signal, a word of a worker, the end of one, any of the others, a connection that
/// nobody takes, or until `timeout`, if there is one.
pub(super) fn wait<'a>(
    signals: &'a Signals,
    live: &'a Live,
    others: impl Iterator<Item = (BorrowedFd<'a>, PollFlags)>,
    orphans: &[(BorrowedFd<'a>, Orphan)],
    timeout: Option<Duration>,
) -> io::Result<Happened> {
    let mut descriptors = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    let mut owners = Vec::new();
    for (pid, worker) in live {
        descriptors.push(PollFd::new(worker.child.as_fd(), PollFlags::POLLIN));
        owners.push(*pid);
        if !worker.silent {
            descriptors.push(PollFd::new(worker.channel.as_fd(), PollFlags::POLLIN));
            owners.push(*pid);
        }
    }
    let workers = descriptors.len();
    descriptors.extend(others.map(|(descriptor, events)| PollFd::new(descriptor, events)));
    let orphaned = descriptors.len();
    let of_orphans = orphans.iter().map(|(socket, _)| PollFd::new(*socket, PollFlags::POLLIN));
    descriptors.extend(of_orphans);
    match poll(&mut descriptors, poll_timeout(timeout)) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(error) => return Err(error.into()),
    }
    let is_set = |descriptor: &PollFd<'_>| descriptor.any().unwrap_or(true);
    let sockets = descriptors.split_off(orphaned);
    let orphans = sockets.iter().zip(orphans).filter(|(descriptor, _)| is_set(descriptor));
    let orphans = orphans.map(|(_, (_, orphan))| *orphan).collect();
    let others = descriptors.split_off(workers).iter().any(is_set);
    let mut workers: Vec<i32> = descriptors[1..]
        .iter()
        .zip(owners)
        .filter(|(descriptor, _)| is_set(descriptor))
        .map(|(_, pid)| pid)
        .collect();
    workers.dedup();
    Ok(Happened { signals: is_set(&descriptors[0]), others, workers, orphans })
}

/// In whole milliseconds, rounded up: waking up too early would only mean to wait again.
fn poll_timeout(timeout: Option<Duration>) -> PollTimeout {
    let Some(timeout) = timeout else {
        return PollTimeout::NONE;
    };
    let millis = timeout.as_nanos().div_ceil(1_000_000);
    i32::try_from(millis).ok().and_then(|millis| millis.try_into().ok()).unwrap_or(PollTimeout::MAX)
}
