//! One server: its slots, and whether it has started.

use super::action::{Actions, Leave, Reason, StartFailure};
use super::slot::Slot;
use super::worker::Limits;
use super::{Generation, NEVER, ServerSettings, Settings, SlotId, Time};

/// The slots of one server.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) slots: Vec<Slot>,
    start_timeout: Time,
    /// When the start of the program fails if this server has not started.
    start_deadline: Time,
    /// Whether all its slots were READY at the same time.
    started: bool,
    /// How many slots may have a successor at the same time.
    surge: usize,
}

impl Server {
    pub(super) fn new(index: usize, own: &ServerSettings, all: &Settings, now: Time) -> Self {
        let limits = Limits {
            start: own.start_timeout,
            drain: own.drain_timeout.saturating_add(all.drain_margin),
            stop: all.stop_grace,
        };
        let slot = |slot| Slot::new(SlotId { server: index, slot }, limits);
        let surge = (u64::from(own.workers) * u64::from(all.surge_percent)).div_ceil(100).max(1);
        Self {
            slots: (0..own.workers).map(slot).collect(),
            start_timeout: own.start_timeout,
            start_deadline: now.saturating_add(own.start_timeout),
            started: false,
            surge: usize::try_from(surge).unwrap_or(usize::MAX),
        }
    }

    /// Fills the vacant slots whose time has come.
    pub(super) fn fill(&mut self, generation: Generation, now: Time, actions: &mut Actions) {
        for slot in &mut self.slots {
            slot.fill(generation, now, actions);
        }
    }

    /// Begins to replace workers older than `generation`, as many as may be replaced at a time.
    pub(super) fn replace(&mut self, generation: Generation, actions: &mut Actions) {
        let successors = self.slots.iter().filter(|slot| slot.has_successor()).count();
        let budget = self.surge.saturating_sub(successors);
        let outdated = self.slots.iter_mut().filter(|slot| slot.wants_successor(generation));
        for slot in outdated.take(budget) {
            slot.replace(generation, actions);
        }
    }

    /// Makes all workers leave.
    pub(super) fn leave(&mut self, how: Leave, now: Time, actions: &mut Actions) {
        for slot in &mut self.slots {
            slot.leave(how, now, actions);
        }
    }

    /// Looks whether it has started, once and for all.
    pub(super) fn check_started(&mut self) {
        self.started |= self.slots.iter().all(Slot::is_ready);
    }

    pub(super) fn has_started(&self) -> bool {
        self.started
    }

    /// Gives it the whole time to start again, because its workers are replaced before it has.
    pub(super) fn extend_start(&mut self, now: Time) {
        self.start_deadline = now.saturating_add(self.start_timeout);
    }

    /// When the start fails for lack of this server, or `NEVER`.
    pub(super) fn start_deadline(&self) -> Time {
        if self.started { NEVER } else { self.start_deadline }
    }

    /// Why it has not started in time.
    pub(super) fn start_failure(&self, generation: Generation) -> Option<StartFailure> {
        let slot = self.slots.iter().find(|slot| !slot.is_ready())?;
        let timeout = Reason::Timeout(self.start_timeout);
        let reason = slot.last_failure().cloned().unwrap_or(timeout);
        Some(StartFailure { slot: slot.id, generation, reason })
    }
}
