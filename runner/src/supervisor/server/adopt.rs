//! A server that another supervisor hands over.

use super::Server;
use crate::supervisor::action::Actions;
use crate::supervisor::adopt::Adopted;
use crate::supervisor::backoff::Jitter;
use crate::supervisor::ledger::ServerLedger;
use crate::supervisor::slot::Slot;
use crate::supervisor::{Generation, NEVER, Settings, SlotId, Time};

impl Server {
    /// Goes on with it, or says what is wrong.
    pub(in crate::supervisor) fn adopt(
        index: usize,
        adopted: Adopted,
        all: &Settings,
        now: Time,
        jitter: &mut Jitter,
    ) -> Result<Self, String> {
        let Adopted { settings, ledger, removed } = adopted;
        let number = settings.sizing();
        let sizing = ledger.as_ref().map_or(number, |ledger| ledger.configured);
        let mut server = Self::new(index, &settings.sized(sizing), all, now);
        server.generation = 0;
        server.started = true;
        server.upcoming = (number != sizing).then_some(number);
        if let Some(ledger) = ledger {
            server.restore(ledger, now, jitter)?;
        }
        if removed {
            server.remove();
        }
        Ok(server)
    }

    fn restore(
        &mut self,
        ledger: ServerLedger,
        now: Time,
        jitter: &mut Jitter,
    ) -> Result<(), String> {
        self.generation = ledger.generation;
        self.target = ledger.target;
        self.degraded = ledger.degraded;
        self.intensity.restore(ledger.failures);
        self.slots.clear();
        for slot in ledger.slots {
            let number = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
            let id = SlotId { server: self.index, slot: number };
            let wanted = number < self.target;
            self.slots.push(Slot::adopt(id, slot, wanted, self.limits, now, jitter)?);
        }
        match u32::try_from(self.slots.len()) {
            Ok(slots) if self.target <= slots => Ok(()),
            _ => Err(format!("server {} lacks slots for {} workers", self.index, self.target)),
        }
    }

    /// The program has it no more.
    fn remove(&mut self) {
        self.removed = true;
        self.upcoming = None;
        self.load_at = NEVER;
    }

    /// Replaces the workers of the generation `failed` and later ones.
    pub(in crate::supervisor) fn roll_back(
        &mut self,
        failed: Generation,
        now: Time,
        actions: &mut Actions,
    ) {
        self.set_generation(self.generation.min(failed.saturating_sub(1)), actions);
        for slot in &mut self.slots {
            slot.roll_back(failed, now, actions);
        }
        if self.removed {
            self.dismiss(now, actions);
        }
    }

    pub(in crate::supervisor) fn ledger(&self) -> ServerLedger {
        ServerLedger {
            generation: self.previous.unwrap_or(self.generation),
            target: self.target,
            configured: self.settings.sizing(),
            degraded: self.degraded,
            failures: self.intensity.times().collect(),
            slots: self.slots.iter().map(Slot::ledger).collect(),
        }
    }
}
