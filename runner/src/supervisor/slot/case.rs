//! What is the case in a slot.

use super::Slot;
use crate::supervisor::action::Reason;
use crate::supervisor::worker::Worker;
use crate::supervisor::{Generation, NEVER, Pid, State, Time, WorkerStatus};

impl Slot {
    /// Whether it waits for a holder that was not asked for yet.
    pub(in crate::supervisor) fn is_vacant(&self) -> bool {
        self.wanted && self.holder.is_none() && self.forking.is_none()
    }

    /// Whether new connections are to go to it.
    pub(in crate::supervisor) fn is_open(&self) -> bool {
        self.is_serving() || self.has_lame_duck()
    }

    pub(in crate::supervisor) fn has_lame_duck(&self) -> bool {
        self.holder.as_ref().is_some_and(Worker::is_lame_duck)
    }

    /// Whether its holder serves, and is to go on for now.
    pub(in crate::supervisor) fn is_serving(&self) -> bool {
        self.is_ready() && self.retire_at.is_none()
    }

    /// Whether its holder serves, or went because it was to go and the next one is on its way.
    pub(in crate::supervisor) fn is_staffed(&self) -> bool {
        self.is_ready() || (self.emptied && !self.is_vacant())
    }

    /// Whether its holder serves although it is not wanted.
    pub(in crate::supervisor) fn is_surplus(&self) -> bool {
        !self.wanted && self.is_serving()
    }

    /// Whether nobody comes or goes: its one worker serves, or there is none and none is wanted.
    pub(in crate::supervisor) fn is_settled_in(&self) -> bool {
        let alone = self.workers().count() == usize::from(self.wanted);
        alone && self.forking.is_none() && self.is_ready() == self.wanted
    }

    pub(in crate::supervisor) fn is_given_up(&self) -> bool {
        self.given_up && self.is_vacant()
    }

    /// Whether anything can be expected of it.
    pub(in crate::supervisor) fn has_hope(&self) -> bool {
        !self.is_given_up() && (self.wanted || !self.is_gone())
    }

    pub(in crate::supervisor) fn is_ready(&self) -> bool {
        self.holder.as_ref().is_some_and(Worker::is_ready)
    }

    /// Whether its holder serves and is older than `generation`.
    fn is_outdated(&self, generation: Generation) -> bool {
        self.is_ready() && self.holder.as_ref().is_some_and(|it| it.generation < generation)
    }

    /// When its holder was forked.
    pub(in crate::supervisor) fn held_since(&self) -> Option<Time> {
        self.holder.as_ref().map(|holder| holder.forked_at)
    }

    pub(in crate::supervisor) fn has_successor(&self) -> bool {
        self.successor.is_some() || (self.holder.is_some() && self.forking.is_some())
    }

    /// Whether there is a reason for its holder to go.
    pub(in crate::supervisor) fn is_to_go(&self, generation: Generation) -> bool {
        let due = self.holder.as_ref().is_some_and(Worker::is_due);
        !self.wanted || due || self.is_outdated(generation)
    }

    /// Whether its holder is to be replaced now. Only a reload does not wait after a failure.
    pub(in crate::supervisor) fn wants_successor(
        &self,
        generation: Generation,
        reloading: bool,
    ) -> bool {
        let at_once = self.renew_at.is_none() || (reloading && self.is_outdated(generation));
        let free = self.is_serving() && !self.has_successor() && !self.leaving.is_crowded();
        self.wanted && self.is_to_go(generation) && at_once && free
    }

    /// Whether a worker comes or goes here, after which a reload may go on.
    pub(in crate::supervisor) fn is_moving(&self) -> bool {
        let busy = self.forking.is_some() || self.successor.is_some() || self.retire_at.is_some();
        busy || self.holder.as_ref().is_some_and(|holder| !holder.is_ready())
    }

    /// Whether nothing more will come of a reload here: a worker of `generation` has been READY, or
    /// the slot backs off or is not wanted.
    pub(in crate::supervisor) fn is_settled(&self, generation: Generation) -> bool {
        !self.wanted || self.is_vacant() || generation <= self.ready_generation
    }

    /// Whether a worker starts here, or is about to.
    pub(in crate::supervisor) fn is_starting(&self) -> bool {
        self.forking.is_some() || self.workers().any(Worker::is_starting)
    }

    pub(in crate::supervisor) fn is_gone(&self) -> bool {
        self.workers().next().is_none()
    }

    pub(in crate::supervisor) fn last_failure(&self) -> Option<&Reason> {
        self.last_failure.as_ref()
    }

    pub(in crate::supervisor) fn knows(&self, pid: Pid) -> bool {
        self.workers().any(|worker| worker.pid == pid)
    }

    /// When the next worker is to be looked at or let go, or `NEVER`.
    pub(in crate::supervisor) fn deadline(&self) -> Time {
        let workers = self.workers().map(Worker::deadline).min().unwrap_or(NEVER);
        let renewal = self.renew_at.unwrap_or(NEVER);
        workers.min(renewal).min(self.retire_at.unwrap_or(NEVER))
    }

    /// When it is filled if it is vacant, or `NEVER`.
    pub(in crate::supervisor) fn fill_at(&self) -> Time {
        if self.is_vacant() && !self.leaving.is_crowded() { self.fork_at } else { NEVER }
    }

    /// A line for each process, and one for a slot that waits for a holder.
    pub(in crate::supervisor) fn status(
        &self,
        generation: Generation,
    ) -> impl Iterator<Item = WorkerStatus> {
        let (slot, until) = (self.id, self.fork_at);
        let state = State::waiting(until, self.given_up);
        let waiting = WorkerStatus { slot, generation, pid: None, since: until, state };
        let workers = self.workers().map(move |worker| WorkerStatus::of(slot, worker));
        self.is_vacant().then_some(waiting).into_iter().chain(workers)
    }
}
