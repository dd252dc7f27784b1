//! What it means that a worker has ended, or will not become READY.

use super::action::{Cause, Reason, Report};
use super::event::Ending;
use super::slot::{Seat, Setback};
use super::{Generation, Mode, Pid, SlotId, Supervisor, Time, slot_at, slot_of};

impl Supervisor {
    pub(super) fn failed(&mut self, now: Time, pid: Pid, reason: String, retry: bool) {
        let slot = slot_of(&mut self.servers, pid);
        if let Some(setback) = slot.and_then(|slot| slot.failed(pid, reason, retry)) {
            self.setback(now, setback);
        }
    }

    pub(super) fn fork_failed(
        &mut self,
        now: Time,
        id: SlotId,
        generation: Generation,
        reason: String,
    ) {
        let Some(slot) = slot_at(&mut self.servers, id) else {
            return;
        };
        let Some(setback) = slot.fork_failed(generation, reason.clone()) else {
            return;
        };
        self.actions.report(Report::ForkFailed { slot: id, generation, reason });
        self.wait(now, id, setback.seat, false);
        self.setback(now, setback);
    }

    pub(super) fn exited(&mut self, now: Time, pid: Pid, ending: Ending) {
        let Some(slot) = slot_of(&mut self.servers, pid) else {
            return;
        };
        let Some((seat, worker)) = slot.remove(pid) else {
            return;
        };
        let id = slot.id;
        // Other failures were noticed before the exit.
        let is_news = worker.is_starting() && !worker.has_failed();
        let served = worker.is_ready();
        let stable = worker.is_stable(now, self.settings.stable_after);
        let exit = worker.exit(id, ending, now);
        self.actions.report(Report::WorkerExit(exit.clone()));
        let Some(server) = self.servers.get_mut(id.server).filter(|server| server.forks()) else {
            return;
        };
        if !self.mode.forks() || !exit.cause.is_failure() {
            return;
        }
        // What another generation failed by says nothing of the workers to come.
        let current = server.generation == exit.generation;
        if served && let Some(slot) = server.slot(id.slot) {
            slot.blame(Reason::ShortLived(ending.status));
        }
        if current && seat == Seat::Holder && matches!(exit.cause, Cause::Misconfigured(_)) {
            self.give_up(now, id);
        } else {
            self.wait(now, id, seat, stable || !current);
        }
        if is_news && let Some(slot) = slot_at(&mut self.servers, id) {
            let setback = slot.setback(seat, exit.generation, Reason::Exited(ending.status));
            self.setback(now, setback);
        }
    }

    /// Makes a slot wait after a failure, and gives it up when its server fails too often.
    fn wait(&mut self, now: Time, id: SlotId, seat: Seat, stable: bool) {
        let Self { servers, settings, jitter, actions, .. } = self;
        let Some(server) = servers.get_mut(id.server) else {
            return;
        };
        let too_often = server.failed(now, actions);
        let Some(slot) = server.slot(id.slot) else {
            return;
        };
        match (seat, too_often) {
            (Seat::Holder, Some(window)) if !stable => slot.give_up(Some(window), now, actions),
            (Seat::Holder, _) => slot.back_off(stable, now, settings, jitter, actions),
            (Seat::Successor, _) => slot.postpone(now, settings, jitter),
            (Seat::Leaving, _) => {}
        }
    }

    /// Gives a slot up in which no worker can serve as it is configured.
    fn give_up(&mut self, now: Time, id: SlotId) {
        let Self { servers, actions, .. } = self;
        let Some(server) = servers.get_mut(id.server) else {
            return;
        };
        if server.slot(id.slot).is_some_and(|slot| slot.is_vacant()) {
            server.degrade(actions);
        }
        if let Some(slot) = server.slot(id.slot) {
            slot.give_up(None, now, actions);
        }
    }

    /// A worker will not become READY: what does that mean for the start, or the reload?
    pub(super) fn setback(&mut self, now: Time, setback: Setback) {
        let Setback { replaces, failure, .. } = setback;
        let is_final = matches!(failure.reason, Reason::Reported(_) | Reason::Timeout(_));
        let given_up = slot_at(&mut self.servers, failure.slot).is_some_and(|it| it.is_given_up());
        let server = self.servers.get(failure.slot.server);
        if self.mode == Mode::Starting && (is_final || given_up) {
            self.fail_start(now, failure);
        } else if let Some(server) = server.filter(|server| server.is_reloading())
            && let Some(reload) = &mut self.reload
        {
            // Whatever else was starting has been stopped when the reload began.
            debug_assert_eq!(failure.generation, server.generation);
            if replaces {
                self.fail_reload(now, failure);
            } else {
                reload.failure.get_or_insert(failure);
            }
        }
    }
}
