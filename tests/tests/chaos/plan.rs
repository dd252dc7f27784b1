//! What is done to the program: a list of steps that follows from the seed alone.

use nix::sys::signal::Signal;
use runner_tests::Random;
use std::fmt;
use std::time::Duration;

/// Steps between two calms.
const STEPS: usize = 24;

/// How many workers more than configured are asked for at most, and at least. No server has so few
/// that it would get below one.
pub(crate) const MOST: i32 = 2;
const LEAST: i32 = -1;

/// Ways in which a worker fails to start.
const FAULTS: [&str; 5] = ["error", "panic", "abort", "hang", "block"];

/// What the master is told.
const COMMANDS: [Signal; 5] =
    [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGHUP, Signal::SIGWINCH, Signal::SIGCHLD];

/// What ends a worker.
const DEATHS: [Signal; 5] =
    [Signal::SIGKILL, Signal::SIGSEGV, Signal::SIGABRT, Signal::SIGTERM, Signal::SIGQUIT];

/// One thing that is done. A worker is named by its place among those that there are, counted
/// round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Wait(Duration),
    /// Signals the master.
    Command(Signal),
    /// One worker more or fewer in every server.
    Scale(i32),
    /// Stops the master for this time.
    Pause(Duration),
    /// Ends a worker, or stops it.
    Signal(usize, Signal),
    /// Lets all stopped workers go on.
    Continue,
    /// Leaves a worker next to no descriptors and takes those by connections.
    Fill(usize),
    /// Closes these connections.
    Release,
    /// From now on all workers fail to start in this way.
    Break(&'static str),
    /// Workers can start again.
    Mend,
}

/// The steps of a run.
pub(crate) struct Plan {
    random: Random,
    /// How many workers more than configured each server was last asked to have.
    more: i32,
}

impl Plan {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), more: 0 }
    }

    /// A new master is given as many workers as it may have.
    pub(crate) fn begin_life(&mut self) {
        self.more = MOST;
    }

    /// The steps from one calm to the next.
    pub(crate) fn storm(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        for _ in 0..STEPS {
            steps.push(self.step());
            steps.push(Step::Wait(self.pause()));
        }
        steps
    }

    fn step(&mut self) -> Step {
        let worker = self.random.below(16);
        match self.random.below(100) {
            0..=19 => Step::Command(self.random.pick(&COMMANDS)),
            20..=27 => self.scale(),
            28..=31 => Step::Pause(Duration::from_millis(self.millis(1500))),
            32..=63 => Step::Signal(worker, self.random.pick(&DEATHS)),
            64..=73 => Step::Signal(worker, Signal::SIGSTOP),
            74..=80 => Step::Continue,
            81..=86 => Step::Fill(worker),
            87..=89 => Step::Release,
            90..=94 => Step::Break(self.random.pick(&FAULTS)),
            _ => Step::Mend,
        }
    }

    fn scale(&mut self) -> Step {
        let by = self.random.pick(&[-1, 1]);
        let by = if (LEAST..=MOST).contains(&(self.more + by)) { by } else { -by };
        self.more += by;
        Step::Scale(by)
    }

    /// Most steps follow each other closely, so that they fall into what the last one has begun.
    fn pause(&mut self) -> Duration {
        let longest = self.random.pick(&[1, 10, 60, 250]);
        Duration::from_millis(self.millis(longest))
    }

    fn millis(&mut self, longest: usize) -> u64 {
        u64::try_from(self.random.below(longest + 1)).expect("64 bits at most")
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wait(time) => write!(f, "wait {time:?}"),
            Self::Command(signal) => write!(f, "signal the master {signal}"),
            Self::Scale(by) => write!(f, "scale by {by}"),
            Self::Pause(time) => write!(f, "stop the master for {time:?}"),
            Self::Signal(worker, signal) => write!(f, "signal worker {worker} {signal}"),
            Self::Continue => f.write_str("continue all workers"),
            Self::Fill(worker) => write!(f, "fill the descriptors of worker {worker}"),
            Self::Release => f.write_str("close the connections"),
            Self::Break(fault) => write!(f, "workers fail to start: {fault}"),
            Self::Mend => f.write_str("workers can start"),
        }
    }
}

/// The same seed is the same run, and another one another.
#[test]
fn a_seed_can_be_replayed() {
    let storms = |seed| {
        let mut plan = Plan::new(seed);
        [plan.storm(), plan.storm()]
    };
    assert_eq!(storms(7), storms(7));
    assert_ne!(storms(7), storms(8));
}
