//! What can be seen of the workers from outside.

use super::action::Leave;
use super::worker::{Phase, Worker};
use super::{Generation, Mode, NEVER, Pid, SlotId, Supervisor, Time};

/// What the program is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Not every server has served yet.
    Starting,
    Running,
    /// It runs, and replaces workers because somebody has asked for it.
    Reloading,
    Stopping,
}

/// A server as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ServerStatus {
    /// What is forked now.
    pub(crate) generation: Generation,
    /// How many workers it is to have.
    pub(crate) target: u32,
    /// Whether it fails too often, or has slots that are given up.
    pub(crate) degraded: bool,
    /// How many failures there were in its `restart_window`.
    pub(crate) failures: u32,
    /// Its processes and the slots that wait for one, by slot.
    pub(crate) workers: Vec<WorkerStatus>,
}

/// One process, or one slot that waits for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct WorkerStatus {
    pub(crate) slot: SlotId,
    /// In a slot without process, the generation of the next one.
    pub(crate) generation: Generation,
    /// None in a slot without process.
    pub(crate) pid: Option<Pid>,
    /// When it was forked; in a slot without process, of no meaning.
    pub(crate) since: Time,
    pub(crate) state: State,
}

/// How far a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// Forked, not READY yet.
    Starting,
    /// It serves.
    Ready,
    /// It serves for a while yet, before it drains.
    LameDuck,
    /// It finishes what is in flight.
    Draining,
    /// It was told to exit at once, or was killed.
    Stopping,
    /// There is none; the next one is forked at this time.
    BackOff { until: Time },
    /// There is none, for it has failed too often; it is tried again at this time, if ever.
    Failed { until: Option<Time> },
}

impl Supervisor {
    pub(crate) fn stage(&self) -> Stage {
        match self.mode {
            Mode::Starting => Stage::Starting,
            Mode::Running if self.reload.is_some() => Stage::Reloading,
            Mode::Running => Stage::Running,
            Mode::Stopping { .. } | Mode::Finished => Stage::Stopping,
        }
    }
}

impl WorkerStatus {
    pub(super) fn of(slot: SlotId, worker: &Worker) -> Self {
        Self {
            slot,
            generation: worker.generation,
            pid: Some(worker.pid),
            since: worker.forked_at,
            state: State::of(worker.phase),
        }
    }
}

impl State {
    /// Of a slot without process that is filled then, or `NEVER`.
    pub(super) fn waiting(until: Time, given_up: bool) -> Self {
        if given_up {
            Self::Failed { until: Some(until).filter(|until| *until != NEVER) }
        } else {
            Self::BackOff { until }
        }
    }

    fn of(phase: Phase) -> Self {
        match phase {
            Phase::Starting => Self::Starting,
            Phase::Ready => Self::Ready,
            Phase::Leaving(Leave::LameDuck) => Self::LameDuck,
            Phase::Leaving(Leave::Drain) => Self::Draining,
            Phase::Leaving(Leave::Stop | Leave::Abort | Leave::Kill) => Self::Stopping,
        }
    }
}
