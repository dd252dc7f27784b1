//! The workers of a slot that are on their way out.

use super::Time;
use super::action::{Actions, Leave};
use super::worker::Worker;

/// How many of them may drain at the same time. The next one makes the oldest stop, and nobody else
/// is forked for the slot before one has exited.
const MAX_DRAINING: usize = 4;

/// Those that had the slot, oldest first.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Leaving {
    workers: Vec<Worker>,
}

impl Leaving {
    /// One more that was told to leave.
    pub(super) fn push(&mut self, worker: Worker, now: Time, actions: &mut Actions) {
        self.workers.push(worker);
        let draining = self.workers.iter().filter(|worker| worker.is_draining()).count();
        let surplus = draining.saturating_sub(MAX_DRAINING);
        for oldest in self.workers.iter_mut().filter(|it| it.is_draining()).take(surplus) {
            oldest.leave(Leave::Stop, now, actions);
        }
    }

    /// One more that another supervisor has told to leave.
    pub(super) fn adopt(&mut self, worker: Worker) {
        self.workers.push(worker);
    }

    /// Takes out the one that fits.
    pub(super) fn take_if(&mut self, fits: impl Fn(&Worker) -> bool) -> Option<Worker> {
        let index = self.workers.iter().position(fits)?;
        Some(self.workers.remove(index))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Worker> {
        self.workers.iter_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Worker> {
        self.workers.iter()
    }

    /// Whether there is no room for another process.
    pub(super) fn is_crowded(&self) -> bool {
        self.workers.len() > MAX_DRAINING
    }
}
