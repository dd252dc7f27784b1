//! How many workers a server has.

use super::{Server, count};
use crate::supervisor::action::{Actions, Report};
use crate::supervisor::event::{Load, Scale};
use crate::supervisor::slot::Slot;
use crate::supervisor::worker::Limits;
use crate::supervisor::{NEVER, ServerSettings, Settings, SlotId, Time};

impl Server {
    /// Changes what it is. Only another configured number of workers makes it have that number; a
    /// range that the load moves it in, another range as well, leaves it at the one it has.
    pub(in crate::supervisor) fn configure(
        &mut self,
        own: ServerSettings,
        all: &Settings,
        now: Time,
        actions: &mut Actions,
    ) {
        self.limits = Limits::new(&own, all);
        for slot in &mut self.slots {
            slot.limit(self.limits);
        }
        self.intensity.set_window(own.restart_window);
        self.upcoming = None;
        let before = std::mem::replace(&mut self.settings, own);
        let ServerSettings { elastic, workers, .. } = self.settings;
        if elastic != before.elastic {
            self.load_at = if elastic { now.saturating_add(all.load_interval) } else { NEVER };
        }
        let stays = elastic || self.settings.sizing() == before.sizing();
        let to = if stays { self.target } else { workers };
        self.scale(Scale::To(to), false, now, actions);
    }

    /// Sets how many workers it has, within its bounds.
    pub(in crate::supervisor) fn scale(
        &mut self,
        to: Scale,
        by_load: bool,
        now: Time,
        actions: &mut Actions,
    ) {
        let (least, most) = self.settings.bounds;
        let from = self.target;
        let to = match to {
            Scale::To(count) => count,
            Scale::By(more) => from.saturating_add_signed(more),
        };
        if !self.removed {
            self.set_target(to.max(least).min(most), by_load, now, actions);
        }
    }

    /// Makes all workers of a server go that the program has no more.
    pub(super) fn dismiss(&mut self, now: Time, actions: &mut Actions) {
        self.set_target(0, false, now, actions);
    }

    fn set_target(&mut self, to: u32, by_load: bool, now: Time, actions: &mut Actions) {
        self.elastic.forget();
        let from = std::mem::replace(&mut self.target, to);
        if to == from {
            return;
        }
        actions.report(Report::Scaled { server: self.index, from, to, by_load });
        self.add_slots();
        for slot in &mut self.slots {
            if slot.id.slot < to {
                slot.want(now);
            } else {
                slot.dismiss(now, actions);
            }
        }
    }

    /// Takes note of its load, and has as many workers as it needs.
    pub(in crate::supervisor) fn loaded(&mut self, load: Load, now: Time, actions: &mut Actions) {
        // While some start or drain, the load says nothing about the number that is wanted.
        if !self.settings.elastic || self.slots.iter().any(|slot| !slot.is_settled_in()) {
            return;
        }
        if let Some(workers) = self.elastic.judge(load, self.target) {
            self.scale(Scale::To(workers), true, now, actions);
        }
    }

    /// Asks for the load if it is time.
    pub(in crate::supervisor) fn watch_load(
        &mut self,
        now: Time,
        interval: Time,
        actions: &mut Actions,
    ) {
        if self.load_at <= now {
            self.load_at = now.saturating_add(interval);
            actions.read_load(self.index);
        }
    }

    pub(super) fn add_slots(&mut self) {
        for slot in count(&self.slots, |_| true)..self.target {
            self.slots.push(Slot::new(SlotId { server: self.index, slot }, self.limits));
        }
    }
}
