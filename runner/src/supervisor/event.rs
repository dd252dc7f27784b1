//! What the supervisor is told.

use super::action::Leave;
use super::{ExitStatus, Generation, Pid, SlotId};

/// Something that has happened. Events about a process that the supervisor does not know are
/// ignored: a late one is nothing unusual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// [`Action::Fork`](super::Action::Fork) was carried out.
    Forked { slot: SlotId, generation: Generation, pid: Pid },
    /// [`Action::Fork`](super::Action::Fork) could not be carried out.
    ForkFailed { slot: SlotId, generation: Generation, reason: String },
    /// A worker says that it serves.
    Ready { pid: Pid },
    /// A worker says why it cannot serve; it is about to exit. What it said is to be handed in
    /// before its exit is.
    Failed { pid: Pid, reason: String },
    /// A process has ended and was reaped.
    Exited { pid: Pid, status: ExitStatus },
    /// Somebody wants something.
    Command(Command),
}

/// What can be asked of the master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// End the program. Each further one makes it faster: drain, stop, kill.
    Stop(Stop),
    /// Replace all workers, each when its successor is READY.
    Reload,
    /// Stop all workers at once and fork new ones.
    Restart,
}

/// How to end the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Let the workers drain.
    Graceful,
    /// Let the workers exit at once.
    Now,
}

impl From<Stop> for Leave {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Graceful => Self::Drain,
            Stop::Now => Self::Stop,
        }
    }
}
