//! One slot: the worker that holds it, and those that come and go.

mod adopt;
mod case;

use super::action::{Actions, Leave, Reason, Recycle, Report, StartFailure};
use super::backoff::{BackOff, Jitter};
use super::leaving::Leaving;
use super::worker::{Limits, Worker};
use super::{Generation, NEVER, Pid, Settings, SlotId, Time};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A numbered place for a worker of a server.
///
/// Two workers can never serve in it: there is one holder, and it is told to drain in the moment in
/// which its successor is READY.
#[derive(Clone, Debug, Hash)]
pub(super) struct Slot {
    pub(super) id: SlotId,
    limits: Limits,
    /// The worker whose slot it is, until it exits or is replaced.
    holder: Option<Worker>,
    /// The one that takes the holder's place when it is READY, or when the holder exits.
    successor: Option<Worker>,
    /// Those that had the slot.
    leaving: Leaving,
    /// The generation of the fork that was asked for and is not answered yet.
    forking: Option<Generation>,
    /// When a vacant slot may be filled.
    fork_at: Time,
    back_off: BackOff,
    /// Whether it is not worth a try before `fork_at`.
    given_up: bool,
    /// Whether its server is to have it.
    wanted: bool,
    /// When the holder drains without a successor; new connections are steered away from it.
    retire_at: Option<Time>,
    /// When the holder, if it is due, may be replaced: after an attempt that has failed, and not
    /// before it has served for a while.
    renew_at: Option<Time>,
    /// Whether its last holder had to go before there was another one.
    emptied: bool,
    /// Of the worker that was READY last.
    ready_generation: Generation,
    last_failure: Option<Reason>,
}

/// Where in its slot a worker is. A word of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Seat {
    Holder,
    Successor,
    Leaving,
}

/// A worker will not become READY.
#[derive(Clone, Debug, Hash)]
pub(super) struct Setback {
    pub(super) seat: Seat,
    /// Whether it was to take the place of one that served.
    pub(super) replaces: bool,
    pub(super) failure: StartFailure,
}

impl Slot {
    pub(super) fn new(id: SlotId, limits: Limits) -> Self {
        Self {
            id,
            limits,
            holder: None,
            successor: None,
            leaving: Leaving::default(),
            forking: None,
            fork_at: Time::ZERO,
            back_off: BackOff::default(),
            given_up: false,
            wanted: true,
            retire_at: None,
            renew_at: None,
            emptied: false,
            ready_generation: 0,
            last_failure: None,
        }
    }

    // Forks.

    /// Asks for a holder if there is none, and it is time.
    pub(super) fn fill(&mut self, generation: Generation, now: Time, actions: &mut Actions) {
        if self.fill_at() <= now {
            self.given_up = false;
            self.fork(generation, actions);
        }
    }

    /// Asks for a successor.
    pub(super) fn replace(&mut self, generation: Generation, actions: &mut Actions) {
        debug_assert!(self.is_serving(), "the holder of {:?} does not serve", self.id);
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

    /// Makes a slot wait no longer, and forgets why it did.
    pub(super) fn end_back_off(&mut self, now: Time) {
        self.back_off = BackOff::default();
        self.fork_at = now;
        self.given_up = false;
        self.renew_at = None;
    }

    /// Makes the slot wait before its holder is replaced, after an attempt that has failed.
    pub(super) fn postpone(&mut self, now: Time, settings: &Settings, jitter: &mut Jitter) {
        let delay = self.back_off.failed(false, settings, jitter);
        self.renew_at = Some(now.saturating_add(delay));
    }

    /// Makes a vacant slot wait for this time, or until somebody asks.
    pub(super) fn give_up(&mut self, retry: Option<Time>, now: Time, actions: &mut Actions) {
        if self.is_vacant() {
            self.fork_at = retry.map_or(NEVER, |after| now.saturating_add(after));
            self.given_up = true;
            actions.report(Report::SlotFailed { slot: self.id, retry });
        }
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
        if !self.is_vacant() {
            return;
        }
        self.fork_at = now.saturating_add(delay);
        if !delay.is_zero() {
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
            return self.leaving.push(worker, now, actions);
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
    pub(super) fn ready(
        &mut self,
        pid: Pid,
        now: Time,
        jitter: &mut Jitter,
        actions: &mut Actions,
    ) {
        let Some((seat, worker)) = self.find(pid) else {
            return;
        };
        let Some(after) = worker.ready(now, jitter) else {
            return;
        };
        let generation = worker.generation;
        actions.report(Report::WorkerReady { slot: self.id, generation, pid, after });
        self.emptied = false;
        self.ready_generation = generation;
        if seat == Seat::Successor
            && let Some(mut replaced) = std::mem::replace(&mut self.holder, self.successor.take())
        {
            self.retire_at = None;
            replaced.leave(Leave::Drain, now, actions);
            self.leaving.push(replaced, now, actions);
        }
    }

    pub(super) fn failed(&mut self, pid: Pid, reason: String, retry: bool) -> Option<Setback> {
        let (seat, worker) = self.find(pid)?;
        let generation = worker.generation;
        let news = worker.failed(&reason, retry);
        news.then(|| self.setback(seat, generation, Reason::Reported(reason)))
    }

    /// A worker has reached a limit of its life.
    pub(super) fn due(&mut self, pid: Pid, why: Recycle, now: Time, actions: &mut Actions) {
        if let Some((_, worker)) = self.find(pid)
            && let Some(rested_at) = worker.reached(why)
        {
            let generation = worker.generation;
            actions.report(Report::Due { slot: self.id, generation, pid, why });
            self.renew_at = self.renew_at.max(Some(rested_at).filter(|at| now < *at));
        }
    }

    /// A worker was alive at that time.
    pub(super) fn heard(&mut self, pid: Pid, at: Time, now: Time, actions: &mut Actions) {
        let id = self.id;
        if let Some((_, worker)) = self.find(pid)
            && let Some(silent) = worker.heard(at, now, actions)
        {
            let generation = worker.generation;
            actions.report(Report::Hung { slot: id, generation, pid, silent });
        }
    }

    /// A worker uses so many bytes.
    pub(super) fn weighed(&mut self, pid: Pid, private: u64, now: Time, actions: &mut Actions) {
        if let Some((_, worker)) = self.find(pid)
            && worker.weighed(private)
        {
            self.due(pid, Recycle::Memory, now, actions);
        }
    }

    /// Looks after the health of its workers.
    pub(super) fn look(&mut self, now: Time, actions: &mut Actions) {
        let old = self.workers_mut().filter_map(|it| it.look(now, actions).then_some(it.pid));
        for pid in old.collect::<Vec<_>>() {
            self.due(pid, Recycle::Lifetime, now, actions);
        }
        self.renew_at.take_if(|at| *at <= now);
    }

    /// Lets the holder go without a successor, if it is time. An unwanted slot is empty by that; one
    /// that will be filled again waits for its end, because there is no room for two.
    pub(super) fn let_go(&mut self, now: Time, actions: &mut Actions) {
        if self.retire_at.take_if(|at| *at <= now).is_none() {
            return;
        }
        if let Some(worker) = &mut self.holder {
            worker.leave(Leave::Drain, now, actions);
        }
        if self.wanted {
            self.emptied = true;
        } else if let Some(worker) = self.holder.take() {
            self.leaving.push(worker, now, actions);
        }
    }

    /// Kills the workers whose time is up.
    pub(super) fn expire(&mut self, now: Time, actions: &mut Actions) -> Option<Setback> {
        let mut setback = None;
        for worker in self.leaving.iter_mut() {
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
            self.retire_at = None;
            return Some((Seat::Holder, worker));
        }
        if let Some(worker) = self.successor.take_if(|worker| worker.pid == pid) {
            return Some((Seat::Successor, worker));
        }
        Some((Seat::Leaving, self.leaving.take_if(|worker| worker.pid == pid)?))
    }

    /// Notes why it has no worker.
    pub(super) fn blame(&mut self, reason: Reason) {
        self.last_failure = Some(reason);
    }

    /// Notes why a worker is not READY.
    pub(super) fn setback(
        &mut self,
        seat: Seat,
        generation: Generation,
        reason: Reason,
    ) -> Setback {
        self.blame(reason.clone());
        let replaces = seat == Seat::Successor || self.emptied;
        Setback { seat, replaces, failure: StartFailure { slot: self.id, generation, reason } }
    }

    // What processes are told.

    /// Makes all workers leave.
    pub(super) fn leave(&mut self, how: Leave, now: Time, actions: &mut Actions) {
        self.retire_at = None;
        self.renew_at = None;
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

    /// Lets the holder go at that time, or not any more; until it goes new connections are steered
    /// away from it.
    pub(super) fn retire(&mut self, at: Option<Time>) {
        self.retire_at = at;
    }

    /// Its server is to have it, from now on at the latest.
    pub(super) fn want(&mut self, now: Time) {
        if !self.wanted {
            self.wanted = true;
            self.retire_at = None;
            self.end_back_off(now);
        }
    }

    /// Its server is not to have it any more. A holder that serves goes on until it is retired.
    pub(super) fn dismiss(&mut self, now: Time, actions: &mut Actions) {
        self.wanted = false;
        self.withdraw_fork();
        actions.withdraw_fork(self.id);
        self.stop_starting(now, actions);
    }

    /// Other limits hold for its workers.
    pub(super) fn limit(&mut self, limits: Limits) {
        self.limits = limits;
        self.workers_mut().for_each(|worker| worker.limit(limits));
    }

    /// Nothing was looked after for that long.
    pub(super) fn pause(&mut self, late: Time) {
        self.retire_at = self.retire_at.map(|at| at.saturating_add(late));
        self.renew_at = self.renew_at.map(|at| at.saturating_add(late));
        for worker in self.workers_mut() {
            worker.pause(late);
        }
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

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Holder => "holder",
            Self::Successor => "successor",
            Self::Leaving => "former holder",
        })
    }
}
