//! What is watched of a worker that serves: its heartbeat, its memory and its age.

use super::action::Actions;
use super::backoff::Jitter;
use super::{NEVER, Pid, Time};

/// After how much more silence a worker that seems dead is believed to be: one that was only not
/// scheduled shows itself meanwhile.
const DOUBT: Time = Time::from_millis(100);

/// What a worker of a server may not exceed.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Vitals {
    pub(super) heartbeat_timeout: Option<Time>,
    pub(super) max_lifetime: Option<Time>,
    pub(super) max_memory: Option<u64>,
    pub(super) memory_interval: Time,
    pub(super) jitter_percent: u32,
}

/// The timers of a worker that is READY.
#[derive(Clone, Debug, Hash)]
pub(super) struct Health {
    vitals: Vitals,
    /// The last sign of life.
    heard_at: Time,
    /// Whether it has been found silent once.
    doubted: bool,
    look_at: Time,
    measure_at: Time,
    old_at: Time,
}

impl Health {
    pub(super) fn new(vitals: Vitals, now: Time, jitter: &mut Jitter) -> Self {
        let mut after = |time: Option<Time>| {
            let time = time.map(|time| jitter.blur(time, vitals.jitter_percent));
            time.map_or(NEVER, |time| now.saturating_add(time))
        };
        Self {
            heard_at: now,
            doubted: false,
            look_at: vitals.heartbeat_timeout.map_or(NEVER, |time| now.saturating_add(time)),
            measure_at: after(vitals.max_memory.map(|_| vitals.memory_interval)),
            old_at: after(vitals.max_lifetime),
            vitals,
        }
    }

    /// When the next of its timers runs out.
    pub(super) fn next(&self) -> Time {
        self.look_at.min(self.measure_at).min(self.old_at)
    }

    /// Asks what is to be known by now. Returns whether the worker is too old.
    pub(super) fn look(&mut self, pid: Pid, now: Time, actions: &mut Actions) -> bool {
        if self.look_at <= now {
            // Whoever looks late may have stood still himself, and the worker with him.
            self.doubted &= now <= self.look_at.saturating_add(DOUBT);
            self.look_at = now.saturating_add(DOUBT);
            actions.read_heartbeat(pid);
        }
        if self.measure_at <= now {
            self.measure_at = now.saturating_add(self.vitals.memory_interval);
            actions.read_memory(pid);
        }
        let old = self.old_at <= now;
        if old {
            self.old_at = NEVER;
        }
        old
    }

    /// Takes note of a sign of life. Returns for how long there was none, if that is too long.
    pub(super) fn heard(&mut self, at: Time, now: Time) -> Option<Time> {
        let timeout = self.vitals.heartbeat_timeout?;
        // What a worker says of itself is not to be trusted: a moment in the future is no excuse.
        self.heard_at = self.heard_at.max(at.min(now));
        let silent = now.saturating_sub(self.heard_at);
        if silent < timeout {
            self.doubted = false;
            self.look_at = self.heard_at.saturating_add(timeout);
            None
        } else if self.doubted {
            self.look_at = NEVER;
            Some(silent)
        } else {
            self.doubted = true;
            self.look_at = now.saturating_add(DOUBT);
            None
        }
    }

    /// Takes note of its memory. Returns whether it is too much.
    pub(super) fn weighed(&mut self, private: u64) -> bool {
        let heavy = self.vitals.max_memory.is_some_and(|most| most < private);
        if heavy {
            self.measure_at = NEVER;
        }
        heavy
    }

    /// Nobody was watched for that long: the silence does not count.
    pub(super) fn forgive(&mut self, late: Time) {
        self.heard_at = self.heard_at.saturating_add(late);
        self.look_at = self.look_at.saturating_add(late);
    }
}
