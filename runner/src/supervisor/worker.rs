//! One worker process, from its fork to its exit.

use super::action::{Actions, Cause, Leave, Reason, WorkerExit};
use super::{ExitStatus, Generation, NEVER, Pid, SlotId, Time};

/// A process that has been forked and not yet reaped.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    pub(super) pid: Pid,
    pub(super) generation: Generation,
    pub(super) phase: Phase,
    limits: Limits,
    forked_at: Time,
    /// When it is killed, unless it moves on.
    deadline: Time,
    /// What is known about the reason of its exit before it happens.
    cause: Option<Cause>,
}

/// How far a worker is. It only ever moves on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Forked, not READY.
    Starting,
    /// It serves, since then.
    Ready { since: Time },
    /// Told to leave, in this way.
    Leaving(Leave),
}

/// How long a worker of a server may take for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) start: Time,
    pub(super) drain: Time,
    pub(super) stop: Time,
}

impl Worker {
    pub(super) fn new(pid: Pid, generation: Generation, limits: Limits, now: Time) -> Self {
        Self {
            pid,
            generation,
            phase: Phase::Starting,
            limits,
            forked_at: now,
            deadline: now.saturating_add(limits.start),
            cause: None,
        }
    }

    /// It says that it serves. Returns how long that took, or nothing when it is too late.
    pub(super) fn ready(&mut self, now: Time) -> Option<Time> {
        if !self.is_starting() || self.cause.is_some() {
            return None;
        }
        self.phase = Phase::Ready { since: now };
        self.deadline = NEVER;
        Some(now.saturating_sub(self.forked_at))
    }

    /// It says why it cannot serve. Returns whether that is news.
    pub(super) fn failed(&mut self, reason: &str) -> bool {
        let news = self.is_starting() && self.cause.is_none();
        if news {
            self.cause = Some(Cause::StartFailed(reason.to_owned()));
        }
        news
    }

    /// Makes it leave, unless it does already in this way or a faster one.
    pub(super) fn leave(&mut self, how: Leave, now: Time, actions: &mut Actions) {
        // A worker that does not serve has nothing to drain.
        let how = if self.is_starting() { how.max(Leave::Stop) } else { how };
        let before = match self.phase {
            Phase::Leaving(already) if already >= how => return,
            Phase::Leaving(_) => self.deadline,
            Phase::Starting | Phase::Ready { .. } => NEVER,
        };
        self.phase = Phase::Leaving(how);
        self.deadline = match how {
            Leave::Drain => now.saturating_add(self.limits.drain),
            Leave::Stop => before.min(now.saturating_add(self.limits.stop)),
            Leave::Kill => NEVER,
        };
        actions.signal(self.pid, how);
    }

    /// Kills it if its time is up. Returns the reason if it should have been READY by now.
    pub(super) fn expire(&mut self, now: Time, actions: &mut Actions) -> Option<Reason> {
        if now < self.deadline {
            return None;
        }
        let starting = self.is_starting();
        let news = self.cause.is_none();
        let cause = if starting { Cause::StartTimeout } else { Cause::Overdue };
        self.cause.get_or_insert(cause);
        self.leave(Leave::Kill, now, actions);
        (starting && news).then_some(Reason::Timeout(self.limits.start))
    }

    /// It has exited.
    pub(super) fn exit(self, slot: SlotId, status: ExitStatus, now: Time) -> WorkerExit {
        WorkerExit {
            slot,
            generation: self.generation,
            pid: self.pid,
            status,
            uptime: now.saturating_sub(self.forked_at),
            cause: self.cause.unwrap_or(match self.phase {
                Phase::Leaving(_) => Cause::Asked,
                Phase::Starting | Phase::Ready { .. } => Cause::Crashed,
            }),
        }
    }

    pub(super) fn is_starting(&self) -> bool {
        self.phase == Phase::Starting
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready { .. })
    }

    pub(super) fn is_draining(&self) -> bool {
        self.phase == Phase::Leaving(Leave::Drain)
    }

    /// Whether it has been READY for at least `time`.
    pub(super) fn is_stable(&self, now: Time, time: Time) -> bool {
        matches!(self.phase, Phase::Ready { since } if now.saturating_sub(since) >= time)
    }

    pub(super) fn deadline(&self) -> Time {
        self.deadline
    }
}
