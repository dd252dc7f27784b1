//! One server: its slots, and what holds for all of them together.

mod adopt;
mod number;

use super::action::{Actions, Leave, Reason, Report, StartFailure};
use super::elastic::Elastic;
use super::intensity::Intensity;
use super::settings::{ServerSettings, Sizing};
use super::slot::Slot;
use super::worker::Limits;
use super::{Generation, NEVER, ServerStatus, Settings, Time};
use crate::spec::Share;

/// How many failures a server without `max_restarts` tolerates, for each worker that it should have.
const RESTARTS_PER_WORKER: u32 = 5;

/// The slots of a server, in their order. There are never fewer; those that are not wanted any more
/// are empty, or about to be.
#[derive(Clone, Debug, Hash)]
pub(super) struct Server {
    pub(super) index: usize,
    pub(super) slots: Vec<Slot>,
    /// What is forked now; nothing if it is zero.
    pub(super) generation: Generation,
    /// The generation to return to if the reload in progress fails; none without one.
    previous: Option<Generation>,
    /// How many slots are wanted: the first ones.
    target: u32,
    settings: ServerSettings,
    /// Another number of workers that it is to have once a reload has succeeded.
    upcoming: Option<Sizing>,
    /// Whether the program has it no more: nothing is forked for it, and its workers drain once a
    /// reload has succeeded.
    removed: bool,
    limits: Limits,
    /// When the start of the program fails if this server has not started.
    start_deadline: Time,
    /// Whether all its slots were READY at the same time.
    started: bool,
    intensity: Intensity,
    degraded: bool,
    elastic: Elastic,
    /// When the load is to be read, or `NEVER`.
    load_at: Time,
}

impl Server {
    pub(super) fn new(index: usize, own: &ServerSettings, all: &Settings, now: Time) -> Self {
        let mut server = Self {
            index,
            slots: Vec::new(),
            generation: 1,
            previous: None,
            target: own.workers,
            settings: own.clone(),
            upcoming: None,
            removed: false,
            limits: Limits::new(own, all),
            start_deadline: now.saturating_add(own.start_timeout),
            started: false,
            intensity: Intensity::new(own.restart_window),
            degraded: false,
            elastic: Elastic::default(),
            load_at: if own.elastic { now.saturating_add(all.load_interval) } else { NEVER },
        };
        server.add_slots();
        server
    }

    // Workers.

    /// Fills the vacant slots whose time has come.
    pub(super) fn fill(&mut self, now: Time, actions: &mut Actions) {
        if !self.forks() {
            return;
        }
        for slot in &mut self.slots {
            slot.fill(self.generation, now, actions);
        }
    }

    /// Replaces the workers that are due, or older than the generation that is in force, and retires
    /// those that are too many, as far as the budget allows.
    ///
    /// All that is voluntary comes through here: there are never more successors than `max_surge`,
    /// and never fewer READY workers than the target less `max_unavailable`, whatever the reasons
    /// are, and also when workers are missing for other reasons.
    pub(super) fn renew(&mut self, now: Time, actions: &mut Actions) {
        let (generation, reloading, forks) = (self.generation, self.is_reloading(), self.forks());
        let (surge, unavailable) = self.budget();
        let mut surge = surge.saturating_sub(count(&self.slots, Slot::has_successor));
        let needed = self.target.saturating_sub(unavailable);
        self.keep_who_is_needed(needed);
        for slot in &mut self.slots {
            slot.let_go(now, actions);
        }
        let mut spare = count(&self.slots, Slot::is_serving).saturating_sub(needed);
        let goes = |slot: &&mut Slot| {
            slot.is_surplus() || (forks && slot.wants_successor(generation, reloading))
        };
        let mut slots: Vec<_> = self.slots.iter_mut().filter(goes).collect();
        // The oldest first, or those that are due again soon would leave no budget to the others.
        slots.sort_by_key(|slot| slot.held_since());
        for slot in slots {
            if surge > 0 && !slot.is_surplus() {
                slot.replace(generation, actions);
                surge -= 1;
            } else if spare > 0 {
                slot.retire(Some(now.saturating_add(self.settings.retire_delay)));
                spare -= 1;
            }
        }
    }

    /// Keeps those that are about to retire if there is no reason any more, or too few serve: since
    /// then the reload may have failed, others may have failed, or more may be wanted.
    fn keep_who_is_needed(&mut self, needed: u32) {
        let mut missing = needed.saturating_sub(count(&self.slots, Slot::is_serving));
        let retires = |slot: &&mut Slot| slot.is_ready() && !slot.is_serving();
        for slot in self.slots.iter_mut().filter(retires) {
            if missing > 0 || !slot.is_to_go(self.generation) {
                slot.retire(None);
                missing = missing.saturating_sub(1);
            }
        }
    }

    /// How many successors there may be, and how many fewer may serve.
    fn budget(&self) -> (u32, u32) {
        let ServerSettings { max_surge, max_unavailable, .. } = self.settings;
        Share::budget(max_surge, max_unavailable, self.target).unwrap_or((0, 1))
    }

    /// Makes all workers leave.
    pub(super) fn leave(&mut self, how: Leave, now: Time, actions: &mut Actions) {
        for slot in &mut self.slots {
            slot.leave(how, now, actions);
        }
    }

    pub(super) fn has_lame_ducks(&self) -> bool {
        self.slots.iter().any(Slot::has_lame_duck)
    }

    // Generations.

    /// Begins a generation, in which all workers are replaced by and by.
    pub(super) fn reload(&mut self, generation: Generation, now: Time, actions: &mut Actions) {
        self.previous.get_or_insert(self.generation);
        self.begin_generation(generation, now, actions);
        self.stop_starting(now, actions);
    }

    /// Begins a generation, after the end of all workers.
    pub(super) fn restart(&mut self, generation: Generation, now: Time, actions: &mut Actions) {
        self.previous = None;
        if !self.removed {
            self.begin_generation(generation, now, actions);
        }
        self.leave(Leave::Stop, now, actions);
    }

    /// Returns to the generation before the reload, if it takes part in one.
    pub(super) fn fail_reload(&mut self, now: Time, actions: &mut Actions) {
        let Some(previous) = self.previous.take() else {
            return;
        };
        self.set_generation(previous, actions);
        self.stop_starting(now, actions);
        for slot in &mut self.slots {
            slot.end_back_off(now);
        }
    }

    /// A reload is through. When it has succeeded, what an upgrade has changed holds from now on.
    pub(super) fn finish_reload(
        &mut self,
        succeeded: bool,
        all: &Settings,
        now: Time,
        actions: &mut Actions,
    ) {
        self.previous = None;
        if succeeded && self.removed {
            self.dismiss(now, actions);
        } else if succeeded && let Some(sizing) = self.upcoming {
            self.configure(self.settings.sized(sizing), all, now, actions);
        }
    }

    /// Whether it can take part in a reload.
    pub(super) fn is_reloadable(&self) -> bool {
        !self.removed
    }

    pub(super) fn is_reloading(&self) -> bool {
        self.previous.is_some()
    }

    /// Whether nothing more will come of the reload here.
    pub(super) fn is_reloaded(&self) -> bool {
        self.slots.iter().all(|slot| slot.is_settled(self.generation))
    }

    /// Whether anything is forked for it.
    pub(super) fn forks(&self) -> bool {
        self.generation != 0 && !self.removed
    }

    /// Whether a worker starts, or is about to.
    pub(super) fn is_starting(&self) -> bool {
        self.slots.iter().any(Slot::is_starting)
    }

    /// Whether workers come or go, after which a reload may go on.
    pub(super) fn is_moving(&self) -> bool {
        self.slots.iter().any(Slot::is_moving)
    }

    fn begin_generation(&mut self, generation: Generation, now: Time, actions: &mut Actions) {
        self.set_generation(generation, actions);
        // It has the whole time to start again: its workers are replaced, maybe before it has.
        self.start_deadline = now.saturating_add(self.settings.start_timeout);
        self.forgive(now);
    }

    fn set_generation(&mut self, generation: Generation, actions: &mut Actions) {
        self.withdraw_forks(actions);
        self.generation = generation;
    }

    /// Takes back the forks that were not begun.
    pub(super) fn withdraw_forks(&mut self, actions: &mut Actions) {
        actions.withdraw_forks(self.index);
        self.slots.iter_mut().for_each(Slot::withdraw_fork);
    }

    fn stop_starting(&mut self, now: Time, actions: &mut Actions) {
        for slot in &mut self.slots {
            slot.stop_starting(now, actions);
        }
    }

    // Failures.

    /// Notes a failure. Returns how long a slot in a crash loop is given up for, if it is.
    pub(super) fn failed(&mut self, now: Time, actions: &mut Actions) -> Option<Time> {
        let tolerated = self.tolerated();
        self.intensity.failed(now, tolerated);
        if !self.intensity.exceeds(tolerated) {
            return None;
        }
        self.degrade(actions);
        Some(self.intensity.window())
    }

    pub(super) fn degrade(&mut self, actions: &mut Actions) {
        if !self.degraded {
            self.degraded = true;
            let failures = self.intensity.count();
            actions.report(Report::Degraded { server: self.index, failures });
        }
    }

    /// Looks whether it has recovered.
    pub(super) fn check_recovered(&mut self, now: Time, actions: &mut Actions) {
        self.intensity.forget(now);
        let calm = !self.intensity.exceeds(self.tolerated());
        if self.degraded && calm && self.wanted().all(Slot::is_staffed) {
            self.degraded = false;
            actions.report(Report::Recovered { server: self.index });
        }
    }

    /// Gives every slot another try at once.
    fn forgive(&mut self, now: Time) {
        self.intensity.clear();
        for slot in &mut self.slots {
            slot.end_back_off(now);
        }
    }

    fn tolerated(&self) -> u32 {
        let default = RESTARTS_PER_WORKER.saturating_mul(self.target.max(1));
        self.settings.max_restarts.unwrap_or(default)
    }

    /// Whether anything here serves or will: not all slots are given up.
    pub(super) fn has_hope(&self) -> bool {
        self.slots.iter().any(|slot| slot.has_hope() && (self.forks() || !slot.is_gone()))
    }

    /// Why its first worker does not serve, if one is wanted.
    pub(super) fn last_failure(&self) -> Option<StartFailure> {
        let slot = self.wanted().next()?;
        let reason = slot.last_failure()?.clone();
        Some(StartFailure { slot: slot.id, generation: self.generation, reason })
    }

    // The start.

    /// Looks whether it has started, once and for all.
    pub(super) fn check_started(&mut self) {
        self.started = self.started || self.wanted().all(Slot::is_ready);
    }

    pub(super) fn has_started(&self) -> bool {
        self.started
    }

    /// When the start fails for lack of this server, or `NEVER`.
    pub(super) fn start_deadline(&self) -> Time {
        if self.started { NEVER } else { self.start_deadline }
    }

    /// Why it has not started in time.
    pub(super) fn start_failure(&self) -> Option<StartFailure> {
        let slot = self.wanted().find(|slot| !slot.is_ready())?;
        let timeout = Reason::Timeout(self.settings.start_timeout);
        let reason = slot.last_failure().cloned().unwrap_or(timeout);
        Some(StartFailure { slot: slot.id, generation: self.generation, reason })
    }

    // Time.

    /// When something is to be looked at, or `NEVER`; `forks` tells whether slots are filled.
    pub(super) fn next_moment(&self, forks: bool) -> Time {
        let deadlines = self.slots.iter().map(Slot::deadline).min().unwrap_or(NEVER);
        if !forks {
            return deadlines;
        }
        let vacant = self.slots.iter().filter(|_| self.forks());
        let fills = vacant.map(Slot::fill_at).min().unwrap_or(NEVER);
        let calm = if self.degraded { self.intensity.changes_at() } else { NEVER };
        deadlines.min(fills).min(calm).min(self.load_at)
    }

    /// Nothing was looked after for that long, so that nobody is to blame for it.
    pub(super) fn pause(&mut self, late: Time) {
        self.start_deadline = self.start_deadline.saturating_add(late);
        for slot in &mut self.slots {
            slot.pause(late);
        }
    }

    // What can be seen.

    pub(super) fn status(&self) -> ServerStatus {
        let generation = self.generation;
        ServerStatus {
            generation,
            target: self.target,
            degraded: self.degraded,
            failures: self.intensity.count(),
            workers: self.slots.iter().flat_map(|slot| slot.status(generation)).collect(),
        }
    }

    pub(super) fn slot(&mut self, slot: u32) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(slot).ok()?)
    }

    fn wanted(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.id.slot < self.target)
    }
}

fn count(slots: &[Slot], kind: fn(&Slot) -> bool) -> u32 {
    let count = slots.iter().filter(|slot| kind(slot)).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}
