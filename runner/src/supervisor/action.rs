//! What the supervisor wants done.

use std::collections::VecDeque;
use std::fmt;

use super::event::{Command, Ending};
use super::{ExitStatus, Generation, Pid, SlotId, Time};
use serde::{Deserialize, Serialize};

/// Something to do. Actions are to be carried out in the order in which they come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Fork a worker, and answer with [`Event::Forked`](super::Event::Forked) or
    /// [`Event::ForkFailed`](super::Event::ForkFailed) before any other event.
    Fork { slot: SlotId, generation: Generation },
    /// Make a worker leave. It may have exited already.
    Signal { pid: Pid, how: Leave },
    /// Answer with [`Event::Heartbeat`](super::Event::Heartbeat).
    ReadHeartbeat { pid: Pid },
    /// Answer with [`Event::Memory`](super::Event::Memory).
    ReadMemory { pid: Pid },
    /// Answer with [`Event::Load`](super::Event::Load).
    ReadLoad { server: usize },
    /// Tell the log, the hooks and whoever waits for an outcome.
    Report(Report),
    /// End the program; all workers are gone. This is the last action.
    Finish { code: u8 },
}

/// What is still to be done.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Actions {
    queue: VecDeque<Action>,
}

/// The ways to make a worker leave, from the kindest to the fastest. A word of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Leave {
    /// Serve on, but tell whoever asks that it will not be for long.
    LameDuck,
    /// Finish what is in flight, then exit.
    Drain,
    /// Exit at once.
    Stop,
    /// Say where it hangs, and end.
    Abort,
    /// Do not even ask.
    Kill,
}

/// Something worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Report {
    /// Every worker of every server is READY for the first time.
    Started,
    /// The start is given up: all workers are stopped, and the program ends with code 1.
    StartFailed(StartFailure),
    /// A worker is READY, so long after its fork.
    WorkerReady { slot: SlotId, generation: Generation, pid: Pid, after: Time },
    /// A worker has exited.
    WorkerExit(WorkerExit),
    /// A worker has reached a limit, and will be replaced when the budget allows it.
    Due { slot: SlotId, generation: Generation, pid: Pid, why: Recycle },
    /// A worker has given no sign of life for so long, and is aborted.
    Hung { slot: SlotId, generation: Generation, pid: Pid, silent: Time },
    /// The master itself did not run for so long. Nobody is judged by that time.
    Paused { late: Time },
    /// A fork has failed.
    ForkFailed { slot: SlotId, generation: Generation, reason: String },
    /// A slot stays empty for `delay`, having failed `failures` times in a row.
    BackOff { slot: SlotId, delay: Time, failures: u32 },
    /// A slot is given up; it is tried again after `retry`, or only when somebody asks for it.
    SlotFailed { slot: SlotId, retry: Option<Time> },
    /// A server has failed more often than it may in its `restart_window`, or a slot of it is given
    /// up.
    Degraded { server: usize, failures: u32 },
    /// A degraded server has all its workers again, and has calmed down.
    Recovered { server: usize },
    /// No slot of any server is left to try: the program ends with code 1.
    NothingServes(StartFailure),
    /// A server is to have another number of workers.
    Scaled { server: usize, from: u32, to: u32, by_load: bool },
    /// A reload is over. The workers that it replaced may still be draining.
    ReloadFinished { generation: Generation, result: Result<(), ReloadError> },
    /// A command that makes no sense while the program stops.
    Ignored(Command),
    /// A program that had [`Started`](Self::Started) has stopped.
    Stopped,
}

/// How a worker has ended, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct WorkerExit {
    pub(crate) slot: SlotId,
    pub(crate) generation: Generation,
    pub(crate) pid: Pid,
    pub(crate) ending: Ending,
    /// How long ago it was forked.
    pub(crate) uptime: Time,
    pub(crate) cause: Cause,
}

/// Why a worker has ended. A word of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cause {
    /// It was told to leave.
    Asked,
    /// It was replaced because it had reached a limit.
    Recycled(Recycle),
    /// It was told to leave, did not do so in time, and was killed.
    Overdue,
    /// It was not READY in time and was killed.
    StartTimeout,
    /// It said that it cannot serve.
    StartFailed(String),
    /// It said that it can never serve as it is configured, or exited with `EX_CONFIG`.
    Misconfigured(String),
    /// It gave no sign of life and was aborted.
    Hung,
    /// The kernel killed it for want of memory.
    OutOfMemory,
    /// It exited with success although nobody wanted it to.
    Finished,
    /// Nobody wanted it to.
    Crashed,
}

/// Why a worker that serves is to be replaced: mostly a limit of its life. A word of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Recycle {
    /// `max_requests`
    Requests,
    /// `max_lifetime`
    Lifetime,
    /// `max_memory`
    Memory,
    /// It serves by a configuration that does not hold any more.
    Configuration,
    /// It was forked by a program that another one was to be upgraded to, and that has failed.
    RolledBack,
}

/// The reason why a reload has failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ReloadError {
    /// A worker of the new generation did not become READY.
    Worker(StartFailure),
    /// A later reload or restart has taken its place.
    Superseded { by: Generation },
    /// The program stops.
    Stopping,
}

/// A worker that did not become READY.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StartFailure {
    pub(crate) slot: SlotId,
    pub(crate) generation: Generation,
    pub(crate) reason: Reason,
}

/// The reason why a worker did not become READY.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    /// It said so itself.
    Reported(String),
    /// It was not READY in this time.
    Timeout(Time),
    /// It has ended before.
    Exited(ExitStatus),
    /// It was READY, but not for long.
    ShortLived(ExitStatus),
    /// It could not be forked.
    NotForked(String),
}

impl Actions {
    pub(super) fn fork(&mut self, slot: SlotId, generation: Generation) {
        self.queue.push_back(Action::Fork { slot, generation });
    }

    pub(super) fn signal(&mut self, pid: Pid, how: Leave) {
        self.queue.push_back(Action::Signal { pid, how });
    }

    pub(super) fn report(&mut self, report: Report) {
        self.queue.push_back(Action::Report(report));
    }

    pub(super) fn read_load(&mut self, server: usize) {
        self.queue.push_back(Action::ReadLoad { server });
    }

    pub(super) fn read_heartbeat(&mut self, pid: Pid) {
        self.queue.push_back(Action::ReadHeartbeat { pid });
    }

    pub(super) fn read_memory(&mut self, pid: Pid) {
        self.queue.push_back(Action::ReadMemory { pid });
    }

    pub(super) fn finish(&mut self, code: u8) {
        self.queue.push_back(Action::Finish { code });
    }

    /// Takes back the forks for a server that were not begun.
    pub(super) fn withdraw_forks(&mut self, of: usize) {
        self.queue
            .retain(|action| !matches!(action, Action::Fork { slot, .. } if slot.server == of));
    }

    /// Takes back the fork for one slot, if it was not begun.
    pub(super) fn withdraw_fork(&mut self, of: SlotId) {
        self.queue.retain(|action| !matches!(action, Action::Fork { slot, .. } if *slot == of));
    }

    pub(super) fn next(&mut self) -> Option<Action> {
        self.queue.pop_front()
    }
}

impl Leave {
    /// The next faster way.
    pub(super) fn faster(self) -> Self {
        match self {
            Self::LameDuck => Self::Drain,
            Self::Drain => Self::Stop,
            Self::Stop | Self::Abort | Self::Kill => Self::Kill,
        }
    }
}

impl Cause {
    /// Whether the worker has ended although it should have served.
    pub(crate) fn is_failure(&self) -> bool {
        match self {
            Self::Asked | Self::Recycled(_) | Self::Overdue => false,
            Self::StartTimeout
            | Self::StartFailed(_)
            | Self::Misconfigured(_)
            | Self::Hung
            | Self::OutOfMemory
            | Self::Finished
            | Self::Crashed => true,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("asked"),
            Self::Recycled(why) => write!(f, "recycled: {why}"),
            Self::Overdue => f.write_str("overdue"),
            Self::StartTimeout => f.write_str("not ready in time"),
            Self::StartFailed(reason) => write!(f, "cannot serve: {reason}"),
            Self::Misconfigured(reason) => write!(f, "misconfigured: {reason}"),
            Self::Hung => f.write_str("hung"),
            Self::OutOfMemory => f.write_str("out of memory"),
            Self::Finished => f.write_str("finished"),
            Self::Crashed => f.write_str("crashed"),
        }
    }
}

impl fmt::Display for Recycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Requests => "max_requests",
            Self::Lifetime => "max_lifetime",
            Self::Memory => "max_memory",
            Self::Configuration => "configuration",
            Self::RolledBack => "roll-back",
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reported(reason) => f.write_str(reason),
            Self::Timeout(limit) => write!(f, "not ready within {limit:?}"),
            Self::Exited(status) => write!(f, "ended with {status} before it was ready"),
            Self::ShortLived(status) => write!(f, "ended with {status} soon after it was ready"),
            Self::NotForked(reason) => write!(f, "cannot be forked: {reason}"),
        }
    }
}
