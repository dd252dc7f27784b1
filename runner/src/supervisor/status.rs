//! What can be seen of the workers from outside.

use super::action::Leave;
use super::worker::Phase;
use super::{Generation, Pid, SlotId, Time};

/// One process, or one slot that waits for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WorkerStatus {
    pub(crate) slot: SlotId,
    /// In a slot that backs off, the generation of the next worker.
    pub(crate) generation: Generation,
    /// None in a slot that backs off.
    pub(crate) pid: Option<Pid>,
    pub(crate) state: State,
}

/// How far a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Forked, not READY yet.
    Starting,
    /// It serves.
    Ready,
    /// It finishes what is in flight.
    Draining,
    /// It was told to exit at once, or was killed.
    Stopping,
    /// There is none; the next one is forked at this time.
    BackOff { until: Time },
}

impl State {
    pub(super) fn of(phase: Phase) -> Self {
        match phase {
            Phase::Starting => Self::Starting,
            Phase::Ready { .. } => Self::Ready,
            Phase::Leaving(Leave::Drain) => Self::Draining,
            Phase::Leaving(Leave::Stop | Leave::Kill) => Self::Stopping,
        }
    }
}
