//! One worker process, from its fork to its exit.

use super::action::{Actions, Cause, Leave, Reason, Recycle, WorkerExit};
use super::backoff::Jitter;
use super::event::Ending;
use super::health::{Health, Vitals};
use super::ledger::WorkerLedger;
use super::slot::Seat;
use super::{ExitStatus, Generation, NEVER, Pid, ServerSettings, Settings, SlotId, Time};
use serde::{Deserialize, Serialize};

/// What a program exits with that cannot work as it is configured (`EX_CONFIG`, sysexits.h(3head)).
const EX_CONFIG: i32 = 78;

/// A process that has been forked and not yet reaped.
#[derive(Clone, Debug, Hash)]
pub(super) struct Worker {
    pub(super) pid: Pid,
    pub(super) generation: Generation,
    pub(super) phase: Phase,
    limits: Limits,
    pub(super) forked_at: Time,
    /// When it was READY, if it ever was.
    ready_at: Option<Time>,
    /// When it is killed, unless it moves on.
    deadline: Time,
    /// Its timers while it is READY.
    health: Option<Health>,
    /// The limit that it has reached first.
    due: Option<Recycle>,
    /// What is known about the reason of its exit before it happens.
    cause: Option<Cause>,
}

/// How far a worker is. It only ever moves on. A word of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Phase {
    /// Forked, not READY.
    Starting,
    /// It serves.
    Ready,
    /// Told to leave, in this way.
    Leaving(Leave),
}

impl Phase {
    /// Whether there is a deadline for it.
    fn ends(self) -> bool {
        !matches!(self, Self::Ready | Self::Leaving(Leave::Kill))
    }
}

/// What a worker of a server may take, and how long.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Limits {
    pub(super) start: Time,
    pub(super) lame_duck: Time,
    pub(super) drain: Time,
    pub(super) stop: Time,
    pub(super) abort: Time,
    /// How long it serves at least before it is replaced because of a limit.
    pub(super) rest: Time,
    pub(super) vitals: Vitals,
}

impl Limits {
    pub(super) fn new(own: &ServerSettings, all: &Settings) -> Self {
        Self {
            start: own.start_timeout,
            lame_duck: own.lame_duck,
            drain: own.drain_timeout.saturating_add(all.drain_margin),
            stop: all.stop_grace,
            abort: all.abort_grace,
            rest: all.stable_after,
            vitals: Vitals {
                heartbeat_timeout: own.heartbeat_timeout,
                max_lifetime: own.max_lifetime,
                max_memory: own.max_memory,
                memory_interval: all.memory_interval,
                jitter_percent: all.jitter_percent,
            },
        }
    }
}

impl Worker {
    pub(super) fn new(pid: Pid, generation: Generation, limits: Limits, now: Time) -> Self {
        Self {
            pid,
            generation,
            phase: Phase::Starting,
            limits,
            forked_at: now,
            ready_at: None,
            deadline: now.saturating_add(limits.start),
            health: None,
            due: None,
            cause: None,
        }
    }

    /// Goes on with one that another supervisor hands over, or says what is wrong with it.
    pub(super) fn adopt(
        ledger: WorkerLedger,
        mut limits: Limits,
        now: Time,
        jitter: &mut Jitter,
    ) -> Result<Self, String> {
        let WorkerLedger { pid, generation, phase, forked_at, ready_at, deadline, .. } = ledger;
        let WorkerLedger { heartbeat_timeout, max_lifetime, max_memory, .. } = ledger;
        let fits = match phase {
            Phase::Starting => ready_at.is_none(),
            Phase::Ready => ready_at.is_some(),
            Phase::Leaving(_) => true,
        };
        if !fits || phase.ends() != deadline.is_some() {
            return Err(format!("process {pid} contradicts itself"));
        }
        limits.vitals = Vitals { heartbeat_timeout, max_lifetime, max_memory, ..limits.vitals };
        let watched_since = ready_at.filter(|_| phase == Phase::Ready).map(|since| since.min(now));
        Ok(Self {
            pid: Pid(pid),
            generation,
            phase,
            limits,
            forked_at,
            ready_at,
            deadline: deadline.unwrap_or(NEVER),
            health: watched_since.map(|since| Health::new(limits.vitals, since, jitter)),
            due: ledger.due,
            cause: ledger.cause,
        })
    }

    /// It says that it serves. Returns how long that took, or nothing when it is too late.
    pub(super) fn ready(&mut self, now: Time, jitter: &mut Jitter) -> Option<Time> {
        if !self.is_starting() || self.cause.is_some() {
            return None;
        }
        self.phase = Phase::Ready;
        self.ready_at = Some(now);
        self.health = Some(Health::new(self.limits.vitals, now, jitter));
        self.deadline = NEVER;
        Some(now.saturating_sub(self.forked_at))
    }

    /// It says why it cannot serve, and whether another try may help. Returns whether that is news.
    pub(super) fn failed(&mut self, reason: &str, retry: bool) -> bool {
        let news = self.is_starting() && self.cause.is_none();
        if news {
            let cause = if retry { Cause::StartFailed } else { Cause::Misconfigured };
            self.cause = Some(cause(reason.to_owned()));
        }
        news
    }

    /// It has reached a limit of its life. Returns, if that is news, when it may be replaced: a limit
    /// that is reached at once must not make a loop of forks.
    pub(super) fn reached(&mut self, why: Recycle) -> Option<Time> {
        let since = self.ready_at.filter(|_| self.is_ready() && self.due.is_none())?;
        self.due = Some(why);
        Some(since.saturating_add(self.limits.rest))
    }

    /// Asks what is to be known of its health by now. Returns whether it is too old.
    pub(super) fn look(&mut self, now: Time, actions: &mut Actions) -> bool {
        self.health.as_mut().is_some_and(|health| health.look(self.pid, now, actions))
    }

    /// It was alive at that time. Returns for how long it has not been, if that is too long; then it
    /// is aborted.
    pub(super) fn heard(&mut self, at: Time, now: Time, actions: &mut Actions) -> Option<Time> {
        let silent = self.health.as_mut()?.heard(at, now)?;
        self.cause = Some(Cause::Hung);
        self.leave(Leave::Abort, now, actions);
        Some(silent)
    }

    /// It uses so many bytes. Returns whether that is too much.
    pub(super) fn weighed(&mut self, private: u64) -> bool {
        self.health.as_mut().is_some_and(|health| health.weighed(private))
    }

    /// Makes it leave, unless it does already in this way or a faster one.
    pub(super) fn leave(&mut self, how: Leave, now: Time, actions: &mut Actions) {
        let how = match how {
            // A worker that does not serve has nothing to drain.
            _ if self.is_starting() => how.max(Leave::Stop),
            Leave::LameDuck if self.limits.lame_duck.is_zero() => Leave::Drain,
            how => how,
        };
        let before = match self.phase {
            Phase::Leaving(already) if already >= how => return,
            Phase::Leaving(_) => self.deadline,
            Phase::Starting | Phase::Ready => NEVER,
        };
        self.phase = Phase::Leaving(how);
        self.health = None;
        self.deadline = match how {
            Leave::LameDuck => now.saturating_add(self.limits.lame_duck),
            Leave::Drain => now.saturating_add(self.limits.drain),
            Leave::Stop => before.min(now.saturating_add(self.limits.stop)),
            Leave::Abort => before.min(now.saturating_add(self.limits.abort)),
            Leave::Kill => NEVER,
        };
        actions.signal(self.pid, how);
    }

    /// Kills it if its time is up, or makes it drain if it was a lame duck. Returns the reason if it
    /// should have been READY by now.
    pub(super) fn expire(&mut self, now: Time, actions: &mut Actions) -> Option<Reason> {
        if now < self.deadline {
            return None;
        }
        if self.is_lame_duck() {
            self.leave(Leave::Drain, now, actions);
            return None;
        }
        let starting = self.is_starting();
        let news = self.cause.is_none();
        let cause = if starting { Cause::StartTimeout } else { Cause::Overdue };
        self.cause.get_or_insert(cause);
        self.leave(Leave::Kill, now, actions);
        (starting && news).then_some(Reason::Timeout(self.limits.start))
    }

    /// From now on other limits hold, but for what it was forked with: its start and its health.
    pub(super) fn limit(&mut self, limits: Limits) {
        let Limits { start, vitals, .. } = self.limits;
        self.limits = Limits { start, vitals, ..limits };
    }

    /// Nothing was looked after for that long, so that it is not to blame for it.
    pub(super) fn pause(&mut self, late: Time) {
        self.deadline = self.deadline.saturating_add(late);
        if let Some(health) = &mut self.health {
            health.forgive(late);
        }
    }

    /// It has exited.
    pub(super) fn exit(mut self, slot: SlotId, ending: Ending, now: Time) -> WorkerExit {
        let cause = self.cause.take().unwrap_or_else(|| self.cause_of(ending));
        WorkerExit {
            slot,
            generation: self.generation,
            pid: self.pid,
            ending,
            uptime: now.saturating_sub(self.forked_at),
            cause,
        }
    }

    fn cause_of(&self, ending: Ending) -> Cause {
        match (self.phase, ending.status) {
            (Phase::Leaving(_), _) => self.due.map_or(Cause::Asked, Cause::Recycled),
            (_, status @ ExitStatus::Code(EX_CONFIG)) => Cause::Misconfigured(status.to_string()),
            (_, ExitStatus::Code(0)) => Cause::Finished,
            (_, ExitStatus::Signal(_)) if ending.out_of_memory => Cause::OutOfMemory,
            _ => Cause::Crashed,
        }
    }

    pub(super) fn ledger(&self, seat: Seat) -> WorkerLedger {
        let Vitals { heartbeat_timeout, max_lifetime, max_memory, .. } = self.limits.vitals;
        WorkerLedger {
            pid: self.pid.0,
            generation: self.generation,
            seat,
            phase: self.phase,
            forked_at: self.forked_at,
            ready_at: self.ready_at,
            deadline: self.phase.ends().then_some(self.deadline),
            due: self.due,
            cause: self.cause.clone(),
            heartbeat_timeout,
            max_lifetime,
            max_memory,
        }
    }

    /// Whether the reason why it ends is known already.
    pub(super) fn has_failed(&self) -> bool {
        self.cause.is_some()
    }

    pub(super) fn is_due(&self) -> bool {
        self.due.is_some()
    }

    pub(super) fn is_starting(&self) -> bool {
        self.phase == Phase::Starting
    }

    pub(super) fn is_ready(&self) -> bool {
        self.phase == Phase::Ready
    }

    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.phase, Phase::Leaving(_))
    }

    pub(super) fn is_lame_duck(&self) -> bool {
        self.phase == Phase::Leaving(Leave::LameDuck)
    }

    pub(super) fn is_draining(&self) -> bool {
        self.phase == Phase::Leaving(Leave::Drain)
    }

    /// Whether it was READY at least for `time`.
    pub(super) fn is_stable(&self, now: Time, time: Time) -> bool {
        self.ready_at.is_some_and(|since| now.saturating_sub(since) >= time)
    }

    /// When it is to be looked at, or `NEVER`.
    pub(super) fn deadline(&self) -> Time {
        self.deadline.min(self.health.as_ref().map_or(NEVER, Health::next))
    }
}
