//! One slot: the worker that holds it, and those that come and go.

use super::action::{Actions, Leave, Reason, Report, StartFailure};
use super::backoff::{BackOff, Jitter};
use super::worker::{Limits, Worker};
use super::{Generation, NEVER, Pid, Settings, SlotId, Time};
#[cfg(test)]
use super::{State, WorkerStatus};

/// How many replaced workers of a slot may drain at the same time. The next one makes the oldest
/// stop, and no further one comes before one has exited.
const MAX_DRAINING: usize = 4;

/// A numbered place for a worker of a server.
///
/// Two workers of one generation can never serve in it: there is one holder, and a successor is
/// forked only for a holder of an older generation.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) id: SlotId,
    limits: Limits,
    /// The worker whose slot it is, until it exits or is replaced.
    holder: Option<Worker>,
    /// The one that takes the holder's place when it is READY, or when the holder exits.
    successor: Option<Worker>,
    /// Those that had the slot and are on their way out, oldest first.
    leaving: Vec<Worker>,
    /// The generation of the fork that was asked for and is not answered yet.
    forking: Option<Generation>,
    /// When a vacant slot may be filled.
    fork_at: Time,
    back_off: BackOff,
    last_failure: Option<Reason>,
}

/// Where in its slot a worker was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    Holder,
    Successor,
    Leaving,
}

/// A worker will not become READY.
#[derive(Clone, Debug)]
pub(super) struct Setback {
    pub(super) seat: Seat,
    pub(super) failure: StartFailure,
}

impl Slot {
    pub(super) fn new(id: SlotId, limits: Limits) -> Self {
        Self {
            id,
            limits,
            holder: None,
            successor: None,
            leaving: Vec::new(),
            forking: None,
            fork_at: Time::ZERO,
            back_off: BackOff::default(),
            last_failure: None,
        }
    }

    // Forks.

    /// Asks for a holder if there is none, and it is time.
    pub(super) fn fill(&mut self, generation: Generation, now: Time, actions: &mut Actions) {
        if self.is_vacant() && self.fork_at <= now {
            self.fork(generation, actions);
        }
    }

    /// Asks for a successor.
    pub(super) fn replace(&mut self, generation: Generation, actions: &mut Actions) {
        debug_assert!(self.is_outdated(generation), "the holder of {:?} stays", self.id);
        self.fork(generation, actions);
    }

    fn fork(&mut self, generation: Generation, actions: &mut Actions) {
        self.forking = Some(generation);
        actions.fork(self.id, generation);
    }

    /// The fork that was asked for will not happen.
    pub(super) fn withdraw_fork(&mut self) {
        self.forking = None;
    }

    /// Makes a vacant slot wait no longer.
    pub(super) fn end_back_off(&mut self, now: Time) {
        self.fork_at = now;
    }

    /// Makes the slot, should it be vacant, wait after a failure.
    pub(super) fn back_off(
        &mut self,
        stable: bool,
        now: Time,
        settings: &Settings,
        jitter: &mut Jitter,
        actions: &mut Actions,
    ) {
        let delay = self.back_off.failed(stable, settings, jitter);
        self.fork_at = now.saturating_add(delay);
        if self.is_vacant() && !delay.is_zero() {
            let failures = self.back_off.failures();
            actions.report(Report::BackOff { slot: self.id, delay, failures });
        }
    }

    // What processes do.

    pub(super) fn forked(
        &mut self,
        generation: Generation,
        pid: Pid,
        now: Time,
        actions: &mut Actions,
    ) {
        let mut worker = Worker::new(pid, generation, self.limits, now);
        if self.forking != Some(generation) {
            // The fork was withdrawn too late. The process is ours all the same.
            worker.leave(Leave::Stop, now, actions);
            self.leaving.push(worker);
            return;
        }
        self.forking = None;
        let seat = if self.holder.is_none() { &mut self.holder } else { &mut self.successor };
        *seat = Some(worker);
    }

    /// Returns nothing when the fork was not asked for.
    pub(super) fn fork_failed(
        &mut self,
        generation: Generation,
        reason: String,
    ) -> Option<Setback> {
        self.forking.take_if(|asked| *asked == generation)?;
        let seat = if self.holder.is_none() { Seat::Holder } else { Seat::Successor };
        Some(self.setback(seat, generation, Reason::NotForked(reason)))
    }

    /// A worker says that it serves. If it is the successor, the holder drains.
    pub(super) fn ready(&mut self, pid: Pid, now: Time, actions: &mut Actions) {
        let Some((seat, worker)) = self.find(pid) else {
            return;
        };
        let Some(after) = worker.ready(now) else {
            return;
        };
        let generation = worker.generation;
        actions.report(Report::WorkerReady { slot: self.id, generation, pid, after });
        if seat == Seat::Successor
            && let Some(mut replaced) = std::mem::replace(&mut self.holder, self.successor.take())
        {
            replaced.leave(Leave::Drain, now, actions);
            self.leaving.push(replaced);
            self.bound_draining(now, actions);
        }
    }

    pub(super) fn failed(&mut self, pid: Pid, reason: String) -> Option<Setback> {
        let (seat, worker) = self.find(pid)?;
        let generation = worker.generation;
        worker.failed(&reason).then(|| self.setback(seat, generation, Reason::Reported(reason)))
    }

    /// Kills the workers whose time is up.
    pub(super) fn expire(&mut self, now: Time, actions: &mut Actions) -> Option<Setback> {
        let mut setback = None;
        for worker in &mut self.leaving {
            worker.expire(now, actions);
        }
        let seats = [(Seat::Holder, &mut self.holder), (Seat::Successor, &mut self.successor)];
        for (seat, worker) in seats {
            if let Some(worker) = worker
                && let Some(reason) = worker.expire(now, actions)
            {
                setback = Some((seat, worker.generation, reason));
            }
        }
        setback.map(|(seat, generation, reason)| self.setback(seat, generation, reason))
    }

    /// Takes out a worker that has exited. If it was the holder, the successor, if there is one,
    /// becomes the holder as it is.
    pub(super) fn remove(&mut self, pid: Pid) -> Option<(Seat, Worker)> {
        if let Some(worker) = self.holder.take_if(|worker| worker.pid == pid) {
            self.holder = self.successor.take();
            return Some((Seat::Holder, worker));
        }
        if let Some(worker) = self.successor.take_if(|worker| worker.pid == pid) {
            return Some((Seat::Successor, worker));
        }
        let index = self.leaving.iter().position(|worker| worker.pid == pid)?;
        Some((Seat::Leaving, self.leaving.remove(index)))
    }

    /// Notes why a worker is not READY.
    pub(super) fn setback(
        &mut self,
        seat: Seat,
        generation: Generation,
        reason: Reason,
    ) -> Setback {
        self.last_failure = Some(reason.clone());
        Setback { seat, failure: StartFailure { slot: self.id, generation, reason } }
    }

    // What processes are told.

    /// Makes all workers leave.
    pub(super) fn leave(&mut self, how: Leave, now: Time, actions: &mut Actions) {
        for worker in self.workers_mut() {
            worker.leave(how, now, actions);
        }
    }

    /// Stops the workers that do not serve yet.
    pub(super) fn stop_starting(&mut self, now: Time, actions: &mut Actions) {
        for worker in self.workers_mut().filter(|worker| worker.is_starting()) {
            worker.leave(Leave::Stop, now, actions);
        }
    }

    /// Stops the successor; the holder goes on.
    pub(super) fn stop_successor(&mut self, now: Time, actions: &mut Actions) {
        if let Some(worker) = &mut self.successor {
            worker.leave(Leave::Stop, now, actions);
        }
    }

    /// Stops the oldest that drain, if they are too many.
    fn bound_draining(&mut self, now: Time, actions: &mut Actions) {
        let draining = self.leaving.iter().filter(|worker| worker.is_draining()).count();
        let surplus = draining.saturating_sub(MAX_DRAINING);
        for worker in self.leaving.iter_mut().filter(|worker| worker.is_draining()).take(surplus) {
            worker.leave(Leave::Stop, now, actions);
        }
    }

    // What is the case.

    /// Whether it waits for a holder that was not asked for yet.
    fn is_vacant(&self) -> bool {
        self.holder.is_none() && self.forking.is_none()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.holder.as_ref().is_some_and(Worker::is_ready)
    }

    /// Whether its holder serves and is older than `generation`.
    fn is_outdated(&self, generation: Generation) -> bool {
        self.is_ready() && self.holder.as_ref().is_some_and(|it| it.generation < generation)
    }

    pub(super) fn has_successor(&self) -> bool {
        self.successor.is_some() || (self.holder.is_some() && self.forking.is_some())
    }

    pub(super) fn wants_successor(&self, generation: Generation) -> bool {
        let crowded = self.leaving.len() > MAX_DRAINING;
        self.is_outdated(generation) && !self.has_successor() && !crowded
    }

    /// Whether nothing more will come of a reload here: a worker of `generation` serves, or none
    /// does and the slot backs off.
    pub(super) fn is_settled(&self, generation: Generation) -> bool {
        self.is_vacant() || (self.is_ready() && !self.is_outdated(generation))
    }

    pub(super) fn is_gone(&self) -> bool {
        self.workers().next().is_none()
    }

    pub(super) fn last_failure(&self) -> Option<&Reason> {
        self.last_failure.as_ref()
    }

    pub(super) fn knows(&self, pid: Pid) -> bool {
        self.workers().any(|worker| worker.pid == pid)
    }

    /// When the next worker is killed, or `NEVER`.
    pub(super) fn deadline(&self) -> Time {
        self.workers().map(Worker::deadline).min().unwrap_or(NEVER)
    }

    /// When it is filled if it is vacant, or `NEVER`.
    pub(super) fn fill_at(&self) -> Time {
        if self.is_vacant() { self.fork_at } else { NEVER }
    }

    /// A line for each process, and one for a slot that backs off.
    #[cfg(test)]
    pub(super) fn status(&self, generation: Generation) -> impl Iterator<Item = WorkerStatus> {
        let back_off = self.is_vacant().then_some(WorkerStatus {
            slot: self.id,
            generation,
            pid: None,
            state: State::BackOff { until: self.fork_at },
        });
        let workers = self.workers().map(|worker| WorkerStatus {
            slot: self.id,
            generation: worker.generation,
            pid: Some(worker.pid),
            state: State::of(worker.phase),
        });
        back_off.into_iter().chain(workers)
    }

    fn find(&mut self, pid: Pid) -> Option<(Seat, &mut Worker)> {
        let holder = self.holder.iter_mut().map(|worker| (Seat::Holder, worker));
        let successor = self.successor.iter_mut().map(|worker| (Seat::Successor, worker));
        let leaving = self.leaving.iter_mut().map(|worker| (Seat::Leaving, worker));
        holder.chain(successor).chain(leaving).find(|(_, worker)| worker.pid == pid)
    }

    fn workers(&self) -> impl Iterator<Item = &Worker> {
        self.leaving.iter().chain(&self.holder).chain(&self.successor)
    }

    fn workers_mut(&mut self) -> impl Iterator<Item = &mut Worker> {
        self.leaving.iter_mut().chain(&mut self.holder).chain(&mut self.successor)
    }
}
