//! From arbitrary bytes to a program of the simulated world.

use super::plan::{self, Change, Plan, Step};
use super::{GRACEFUL, WINDOW, World};
use crate::supervisor::{Command, Load, Scale, ServerSettings, Stop, Time};

/// The longest program: a fuzzer would spend its time with ever longer ones.
const MOST_STEPS: usize = 200;

/// Plays the program that the bytes stand for, and sees that it ends well. Panics when an invariant
/// does not hold.
pub(crate) fn fuzz(data: &[u8]) {
    let mut bytes = Bytes(data);
    let end = bytes.below(3);
    let mut world = World::play(&bytes.plan());
    match end {
        0 => {
            world.command(Command::Stop(Stop::Graceful));
            world.pass(GRACEFUL);
            assert!(world.finished, "still there: {:?}", world.processes);
        }
        1 => {
            world.command(Command::Stop(Stop::Now));
            world.pass(Time::from_secs(5));
            assert!(world.finished, "still there: {:?}", world.processes);
        }
        _ => {
            world.calm_down();
            world.pass(Time::from_secs(60));
            if !world.stopping {
                world.command(Command::Reload);
                world.pass(WINDOW + Time::from_secs(120));
                world.check_whole();
            }
        }
    }
}

/// What is left of them; beyond the end there are only zeros.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn plan(&mut self) -> Plan {
        let started = self.below(4) != 0;
        let servers = 1 + self.below(3);
        let servers = (0..servers).map(|_| self.server()).collect();
        let manners = 1 + self.below(4);
        let manners = (0..manners).map(|_| self.manner()).collect();
        let mut steps = Vec::new();
        while !self.0.is_empty() && steps.len() < MOST_STEPS {
            steps.push(self.step());
        }
        Plan { servers, started, steps, manners }
    }

    fn server(&mut self) -> ServerSettings {
        plan::server(|end| self.below(end))
    }

    fn change(&mut self) -> Change {
        match self.below(4) {
            0 => Change::Nothing,
            1 => Change::Other(self.pick(), self.server()),
            2 => Change::New(self.server()),
            _ => Change::Gone(self.pick()),
        }
    }

    fn manner(&mut self) -> Option<u64> {
        let millis = self.millis(20);
        (millis < 5000).then_some(millis)
    }

    fn step(&mut self) -> Step {
        match self.below(24) {
            0..=3 => Step::Pass(self.millis(20)),
            4 => Step::Pass(self.millis(200)),
            5..=8 => Step::Ready(self.pick()),
            9 => Step::Fail(self.pick()),
            10 => Step::Misconfigured(self.pick()),
            11 => Step::Exit(self.pick(), plan::ending(self.pick())),
            12 => Step::Hang(self.pick()),
            13 => Step::Due(self.pick()),
            14 => Step::Load(Load { queued: self.below(3), busy_percent: 2 * self.below(256) }),
            15 => Step::ForksFail(self.below(3) == 0),
            16 => Step::Command(self.command()),
            17 => Step::Commands(self.command(), self.command()),
            18 => Step::Late(self.millis(100)),
            19 => Step::Standstill(self.millis(400)),
            20 => Step::Configure(self.pick(), self.server()),
            21 => Step::Upgrade(self.change()),
            22 => Step::HandOver,
            _ => Step::RollBack,
        }
    }

    /// Anything but a stop, with which the program ends.
    fn command(&mut self) -> Command {
        let server = self.below(4).checked_sub(1).map(|server| server as usize);
        match self.below(5) {
            0..=1 => server.map_or(Command::Reload, |server| Command::ReloadOnly(vec![server])),
            2 => Command::Restart,
            3 => Command::Scale { server, to: Scale::To(self.below(8)) },
            _ => Command::Scale { server, to: Scale::By(self.below(8) as i32 - 4) },
        }
    }

    fn millis(&mut self, unit: u64) -> u64 {
        unit * u64::from(self.below(256))
    }

    fn pick(&mut self) -> usize {
        self.below(256) as usize
    }

    fn below(&mut self, end: u32) -> u32 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        u32::from(*first) % end
    }
}
