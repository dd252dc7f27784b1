//! A slot that another supervisor hands over.

use super::{Seat, Slot};
use crate::supervisor::action::{Actions, Leave, Reason, Recycle};
use crate::supervisor::backoff::{BackOff, Jitter};
use crate::supervisor::ledger::{SlotLedger, WorkerLedger};
use crate::supervisor::worker::{Limits, Worker};
use crate::supervisor::{Generation, NEVER, SlotId, Time};

impl Slot {
    /// Goes on with it, or says what is wrong.
    pub(in crate::supervisor) fn adopt(
        id: SlotId,
        ledger: SlotLedger,
        wanted: bool,
        limits: Limits,
        now: Time,
        jitter: &mut Jitter,
    ) -> Result<Self, String> {
        let SlotId { server, slot: number } = id;
        if ledger.slot != number {
            return Err(format!("slot {} of server {server} is at place {number}", ledger.slot));
        }
        let mut slot = Self {
            back_off: BackOff::after(ledger.failures),
            last_failure: ledger.last_failure.map(Reason::Reported),
            fork_at: ledger.fork_at.unwrap_or(NEVER),
            given_up: ledger.given_up,
            wanted,
            retire_at: ledger.retire_at,
            renew_at: ledger.renew_at,
            emptied: ledger.emptied,
            ready_generation: ledger.ready_generation,
            ..Self::new(id, limits)
        };
        for worker in ledger.workers {
            slot.seat(worker, now, jitter)?;
        }
        Ok(slot)
    }

    /// Gives a worker the place that it had.
    fn seat(&mut self, ledger: WorkerLedger, now: Time, jitter: &mut Jitter) -> Result<(), String> {
        let (pid, seat) = (ledger.pid, ledger.seat);
        let worker = Worker::adopt(ledger, self.limits, now, jitter)?;
        let fits = match seat {
            Seat::Holder => self.holder.is_none(),
            Seat::Successor => self.successor.is_none() && !worker.is_ready(),
            Seat::Leaving => worker.is_leaving(),
        };
        if !fits {
            return Err(format!("process {pid} cannot be the {seat} of its slot"));
        }
        match seat {
            Seat::Holder => self.holder = Some(worker),
            Seat::Successor => self.successor = Some(worker),
            Seat::Leaving => self.leaving.adopt(worker),
        }
        Ok(())
    }

    /// Replaces the workers of the generation `failed` and later ones.
    pub(in crate::supervisor) fn roll_back(
        &mut self,
        failed: Generation,
        now: Time,
        actions: &mut Actions,
    ) {
        let is_of_it = |worker: &&mut Worker| failed <= worker.generation;
        for worker in self.workers_mut().filter(is_of_it).filter(|it| it.is_starting()) {
            worker.leave(Leave::Stop, now, actions);
        }
        let holder = self.holder.as_ref().filter(|holder| failed <= holder.generation);
        if let Some(pid) = holder.map(|holder| holder.pid) {
            self.due(pid, Recycle::RolledBack, now, actions);
        }
        if self.is_vacant() {
            self.end_back_off(now);
        }
    }

    pub(in crate::supervisor) fn ledger(&self) -> SlotLedger {
        let leaving = self.leaving.iter().map(|worker| worker.ledger(Seat::Leaving));
        let holder = self.holder.iter().map(|worker| worker.ledger(Seat::Holder));
        let successor = self.successor.iter().map(|worker| worker.ledger(Seat::Successor));
        SlotLedger {
            slot: self.id.slot,
            failures: self.back_off.failures(),
            last_failure: self.last_failure.as_ref().map(ToString::to_string),
            fork_at: Some(self.fork_at).filter(|at| *at != NEVER),
            given_up: self.given_up,
            retire_at: self.retire_at,
            renew_at: self.renew_at,
            emptied: self.emptied,
            ready_generation: self.ready_generation,
            workers: leaving.chain(holder).chain(successor).collect(),
        }
    }
}
