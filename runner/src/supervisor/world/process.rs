//! What forks make in the simulated world.

use crate::supervisor::{Ending, ExitStatus, Generation, Leave, NEVER, SlotId, Time};

/// How often a process that runs gives a sign of life.
const BEAT: Time = Time::from_millis(250);

/// How long after everything stood still a process gives its first sign of life.
const WAKE: Time = Time::from_millis(50);

/// A process of the simulated world.
#[derive(Clone, Debug)]
pub(in crate::supervisor) struct Process {
    pub(super) slot: SlotId,
    pub(super) generation: Generation,
    pub(super) forked_at: Time,
    pub(super) ready_at: Option<Time>,
    /// Whether it is to give signs of life.
    pub(super) watched: bool,
    /// Whether it was reported to have reached a limit.
    pub(super) due: bool,
    /// Since when it gives no sign of life and obeys nothing but an abort and a kill.
    pub(super) hung_at: Option<Time>,
    /// The last thing that it was told.
    pub(super) told: Option<Leave>,
    /// How long it takes to obey.
    pub(super) manner: Option<Time>,
    /// Never, unless it was told to leave.
    pub(super) exits_at: Time,
}

impl Process {
    pub(super) fn new(
        slot: SlotId,
        generation: Generation,
        watched: bool,
        manner: Option<Time>,
        now: Time,
    ) -> Self {
        Self {
            slot,
            generation,
            forked_at: now,
            ready_at: None,
            watched,
            due: false,
            hung_at: None,
            told: None,
            manner,
            exits_at: NEVER,
        }
    }

    pub(super) fn hear(&mut self, how: Leave, now: Time) {
        self.told = Some(how);
        let delay = match how {
            Leave::LameDuck => None,
            Leave::Kill => Some(Time::from_millis(5)),
            Leave::Abort => self.manner,
            Leave::Drain | Leave::Stop => self.manner.filter(|_| self.hung_at.is_none()),
        };
        self.exits_at = self.exits_at.min(delay.map_or(NEVER, |delay| now + delay));
    }

    /// How it ends, having been told to.
    pub(super) fn ending(&self) -> Ending {
        let status = match self.told {
            Some(Leave::Kill) => ExitStatus::Signal(9),
            Some(Leave::Abort) => ExitStatus::Signal(6),
            _ => ExitStatus::Code(0),
        };
        Ending { status, core: false, out_of_memory: false }
    }

    pub(super) fn stays(&self) -> bool {
        self.told.is_none()
    }

    pub(super) fn is_starting(&self) -> bool {
        self.ready_at.is_none() && self.stays()
    }

    pub(super) fn serves(&self) -> bool {
        self.ready_at.is_some() && self.stays()
    }

    /// Whether new connections may go to it.
    pub(super) fn is_open(&self) -> bool {
        self.serves() || self.told == Some(Leave::LameDuck)
    }

    /// Whether it has served for so long that its end is no part of a crash loop.
    pub(super) fn is_stable(&self, now: Time) -> bool {
        self.ready_at.is_some_and(|at| at + Time::from_secs(1) <= now)
    }

    /// How many bytes it uses: some grow, some do not.
    pub(super) fn weight(&self, now: Time) -> u64 {
        let growth = self.manner.map_or(40, |manner| manner.as_millis() as u64 % 60);
        (now - self.forked_at).as_secs() * growth
    }
}

/// When nothing ran: from, to.
#[derive(Clone, Debug, Default)]
pub(super) struct Standstills(pub(super) Vec<(Time, Time)>);

impl Standstills {
    /// The last sign of life before `until` of a process that runs when others do.
    pub(super) fn last_beat(&self, mut until: Time) -> Time {
        for (from, to) in self.0.iter().rev() {
            let wake = *to + WAKE;
            if wake <= until {
                return floor(until).max(wake);
            }
            until = until.min(*from);
        }
        floor(until)
    }
}

fn floor(time: Time) -> Time {
    let beats = time.as_millis() / BEAT.as_millis();
    BEAT * beats as u32
}
