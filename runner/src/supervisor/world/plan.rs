//! Programs of the simulated world: what happens in it, one step after the other.

use crate::spec::Share;
use crate::supervisor::{Command, Ending, ExitStatus, Load, ServerSettings, Time};

/// Something that happens. Numbers pick one of the processes there are.
#[derive(Clone, Debug)]
pub(in crate::supervisor) enum Step {
    /// So many milliseconds.
    Pass(u64),
    Ready(usize),
    Fail(usize),
    Misconfigured(usize),
    Exit(usize, Ending),
    /// It gives no more signs of life; or it does again.
    Hang(usize),
    Due(usize),
    /// What is answered from now on.
    Load(Load),
    ForksFail(bool),
    Command(Command),
    /// Two at once.
    Commands(Command, Command),
    /// One of the servers is another one from now on.
    Configure(usize, ServerSettings),
    /// The program is upgraded, and reloaded by that.
    Upgrade(Change),
    /// The supervisor is replaced by one that reads what it writes.
    HandOver,
    /// The same, after an upgrade to the newest generation that has failed.
    RollBack,
    /// So many milliseconds in which the master does not look.
    Late(u64),
    /// So many milliseconds in which nothing runs.
    Standstill(u64),
    Strangers,
}

/// What is different in a new program.
#[derive(Clone, Debug)]
pub(in crate::supervisor) enum Change {
    Nothing,
    Other(usize, ServerSettings),
    New(ServerSettings),
    Gone(usize),
}

/// A program.
#[derive(Clone, Debug)]
pub(in crate::supervisor) struct Plan {
    pub(in crate::supervisor) servers: Vec<ServerSettings>,
    /// Whether the start has succeeded before the first step.
    pub(in crate::supervisor) started: bool,
    pub(in crate::supervisor) steps: Vec<Step>,
    /// How many milliseconds the processes in turn take to obey. None obeys nothing but a kill.
    pub(in crate::supervisor) manners: Vec<Option<u64>>,
}

pub(in crate::supervisor) const START: Time = Time::from_secs(20);
pub(in crate::supervisor) const LAME_DUCK: Time = Time::from_secs(4);
pub(in crate::supervisor) const DRAIN: Time = Time::from_secs(10);
pub(in crate::supervisor) const HEARTBEAT: Time = Time::from_secs(5);

/// How long a graceful stop may take: the time of lame ducks, the drain, its margin and a kill.
pub(in crate::supervisor) const GRACEFUL: Time = Time::from_secs(4 + 10 + 3);

/// The longest time in which failures count.
pub(in crate::supervisor) const WINDOW: Time = Time::from_secs(20);

/// A server of so many workers with default limits that is never given up.
pub(in crate::supervisor) fn patient(workers: u32) -> ServerSettings {
    ServerSettings {
        workers,
        bounds: (workers.min(1), 1024),
        start_timeout: START,
        drain_timeout: DRAIN,
        max_restarts: Some(1000),
        ..ServerSettings::default()
    }
}

/// What the choices make of a server: any of the limits and budgets, with `choose(n)` below `n`.
pub(in crate::supervisor) fn server(mut choose: impl FnMut(u32) -> u32) -> ServerSettings {
    let workers = choose(5);
    let bounds = (choose(workers + 1), workers + choose(4));
    let share =
        |kind, size: u32| if kind == 0 { Share::Percent(size * 20) } else { Share::Count(size) };
    let max_surge = share(choose(2), choose(4));
    let max_unavailable = share(choose(2), choose(3));
    let mut settings = ServerSettings {
        bounds,
        heartbeat_timeout: (choose(3) != 0).then_some(HEARTBEAT),
        max_lifetime: (choose(3) == 0).then_some(Time::from_secs(15)),
        max_memory: (choose(3) == 0).then_some(1000),
        max_restarts: [None, Some(choose(8)), Some(1000)][choose(3) as usize],
        restart_window: WINDOW / (1 + choose(4)),
        max_surge,
        max_unavailable,
        ..patient(workers)
    };
    match choose(3) {
        0 => settings.elastic = true,
        1 => settings.lame_duck = LAME_DUCK,
        _ => {}
    }
    settings
}

/// An end that nobody wanted, by the number.
pub(in crate::supervisor) fn ending(kind: usize) -> Ending {
    let status = [
        ExitStatus::Signal(11),
        ExitStatus::Signal(9),
        ExitStatus::Code(1),
        ExitStatus::Code(0),
        ExitStatus::Code(78),
    ][kind % 5];
    Ending { status, core: kind.is_multiple_of(2), out_of_memory: status == ExitStatus::Signal(9) }
}
