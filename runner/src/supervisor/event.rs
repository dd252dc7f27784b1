//! What the supervisor is told.

use super::action::{Leave, Recycle};
use super::{ExitStatus, Generation, Pid, SlotId, Time};

/// Something that has happened. Events about a process that the supervisor does not know are
/// ignored: a late one is nothing unusual.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Event {
    /// [`Action::Fork`](super::Action::Fork) was carried out.
    Forked { slot: SlotId, generation: Generation, pid: Pid },
    /// [`Action::Fork`](super::Action::Fork) could not be carried out.
    ForkFailed { slot: SlotId, generation: Generation, reason: String },
    /// A worker says that it serves.
    Ready { pid: Pid },
    /// A worker says why it cannot serve; it is about to exit. What it said is to be handed in
    /// before its exit is. `retry` is false when trying again is pointless.
    Failed { pid: Pid, reason: String, retry: bool },
    /// A worker has reached a limit of its life and is to be replaced.
    Due { pid: Pid, why: Recycle },
    /// The answer to [`Action::ReadHeartbeat`](super::Action::ReadHeartbeat): when it was last seen
    /// alive.
    Heartbeat { pid: Pid, at: Time },
    /// The answer to [`Action::ReadMemory`](super::Action::ReadMemory), in bytes.
    Memory { pid: Pid, private: u64 },
    /// The answer to [`Action::ReadLoad`](super::Action::ReadLoad).
    Load { server: usize, load: Load },
    /// A process has ended and was reaped.
    Exited { pid: Pid, ending: Ending },
    /// Somebody wants something.
    Command(Command),
}

/// How a process has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ending {
    pub(crate) status: ExitStatus,
    /// Whether it left a core dump.
    pub(crate) core: bool,
    /// Whether the kernel killed it for want of memory.
    pub(crate) out_of_memory: bool,
}

/// How much a server has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Load {
    /// Connections that wait to be accepted.
    pub(crate) queued: u32,
    /// The time that its workers computed since the last look, in percent of one core, added up.
    pub(crate) busy_percent: u32,
}

/// What can be asked of the master.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Command {
    /// End the program. Each further one makes it faster: lame duck, drain, stop, kill.
    Stop(Stop),
    /// Replace all workers, each when its successor is READY.
    Reload,
    /// The same for the workers of these servers. Without any of them it does nothing, and has no
    /// outcome.
    ReloadOnly(Vec<usize>),
    /// Stop all workers at once and fork new ones.
    Restart,
    /// Have another number of workers, in one server or in all.
    Scale { server: Option<usize>, to: Scale },
}

/// How many workers a server is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scale {
    /// So many more, or fewer.
    By(i32),
    /// So many.
    To(u32),
}

/// How to end the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stop {
    /// Let the workers drain, in a server with `lame_duck` after that time.
    Graceful,
    /// Let the workers exit at once.
    Now,
}

impl From<Stop> for Leave {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Graceful => Self::LameDuck,
            Stop::Now => Self::Stop,
        }
    }
}

impl From<ExitStatus> for Ending {
    fn from(status: ExitStatus) -> Self {
        Self { status, core: false, out_of_memory: false }
    }
}
