//! A simulated world for one supervisor, which checks the invariants after every step.

#![cfg_attr(not(test), expect(dead_code, reason = "tests do more with it than the fuzz target"))]

mod decode;
mod invariants;
mod ledger;
pub(super) mod plan;
mod process;
mod upgrade;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
pub(crate) use decode::fuzz;
use invariants::Witness;
pub(crate) use ledger::fuzz_ledger;
use plan::{GRACEFUL, HEARTBEAT, Plan, Step, WINDOW};
use process::{Process, Standstills};

pub(super) const ORIGIN: Time = Time::from_secs(1_000);

/// A supervisor, the processes it has forked, and what is known about both.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) supervisor: Supervisor,
    pub(super) now: Time,
    pub(super) processes: BTreeMap<i32, Process>,
    servers: Vec<ServerSettings>,
    /// What some of them are once a reload has succeeded.
    upcoming: BTreeMap<usize, ServerSettings>,
    /// Those that the program has no more.
    removed: BTreeSet<usize>,
    settings: Settings,
    manners: Vec<Option<u64>>,
    /// What is answered; without it no server has reason to grow or to shrink.
    load: Option<Load>,
    standstills: Standstills,
    /// Until when nobody looked at the clock.
    unwatched_until: Time,
    pub(super) forks_fail: bool,
    /// When a process becomes READY by itself.
    pub(super) ready_after: Option<Time>,
    pub(super) done: Vec<(Time, Action)>,
    pub(super) witness: Witness,
    pub(super) stopping: bool,
    pub(super) finished: bool,
}

impl World {
    pub(super) fn play(plan: &Plan) -> Self {
        let mut world = Self::new(Settings::default(), &plan.servers, plan.manners.clone());
        if plan.started {
            world.start();
        }
        plan.steps.iter().for_each(|step| world.step(step.clone()));
        world
    }

    pub(super) fn new(
        settings: Settings,
        servers: &[ServerSettings],
        manners: Vec<Option<u64>>,
    ) -> Self {
        let mut world = Self {
            now: ORIGIN,
            supervisor: Supervisor::new(ORIGIN, settings.clone(), servers),
            settings,
            upcoming: BTreeMap::new(),
            removed: BTreeSet::new(),
            processes: BTreeMap::new(),
            servers: servers.to_vec(),
            manners,
            load: None,
            standstills: Standstills::default(),
            unwatched_until: ORIGIN,
            forks_fail: false,
            ready_after: None,
            done: Vec::new(),
            witness: Witness::new(servers.len()),
            stopping: false,
            finished: false,
        };
        world.act();
        world
    }

    // What happens.

    pub(super) fn step(&mut self, step: Step) {
        match step {
            Step::Pass(millis) => self.pass(Time::from_millis(millis)),
            Step::Ready(pick) => self.ready(pick),
            Step::Fail(pick) => self.fail(pick, true),
            Step::Misconfigured(pick) => self.fail(pick, false),
            Step::Exit(pick, ending) => self.crash(pick, ending),
            Step::Hang(pick) => self.hang(pick),
            Step::Due(pick) => self.due(pick),
            Step::Load(load) => self.load = Some(load),
            Step::ForksFail(fail) => self.forks_fail = fail,
            Step::Command(command) => self.command(command),
            Step::Commands(one, two) => self.commands(&[one, two]),
            Step::Configure(pick, settings) => self.configure(pick, settings),
            Step::Upgrade(change) => self.upgrade(change),
            Step::HandOver => self.hand_over(),
            Step::RollBack => self.roll_back(),
            Step::Late(millis) => self.look_away(Time::from_millis(millis)),
            Step::Standstill(millis) => self.stand_still(Time::from_millis(millis)),
            Step::Strangers => self.strangers(),
        }
    }

    /// Everything that was forked is READY.
    pub(super) fn start(&mut self) {
        while self.processes.values().any(Process::is_starting) {
            self.ready(0);
        }
    }

    pub(super) fn command(&mut self, command: Command) {
        self.commands(&[command]);
    }

    fn commands(&mut self, commands: &[Command]) {
        let harsh = |command: &Command| matches!(command, Command::Restart | Command::Stop(_));
        self.see(commands.iter().any(harsh), |world| {
            for command in commands {
                world.stopping |= matches!(command, Command::Stop(_));
                world.witness.asked(command, &world.supervisor);
                world.supervisor.handle(world.now, Event::Command(command.clone()));
                world.witness.scaled(&world.supervisor);
            }
        });
    }

    fn configure(&mut self, pick: usize, settings: ServerSettings) {
        let server = pick % self.servers.len();
        if self.stopping || self.removed.contains(&server) {
            return;
        }
        self.upcoming.remove(&server);
        self.servers[server] = settings.clone();
        self.see(false, |world| {
            world.supervisor.configure(world.now, server, settings);
            world.witness.scaled(&world.supervisor);
        });
    }

    pub(super) fn ready(&mut self, pick: usize) {
        if let Some(pid) = self.pick(pick, |it| it.is_starting() && it.hung_at.is_none()) {
            self.make_ready(pid);
        }
    }

    fn make_ready(&mut self, pid: i32) {
        self.see(false, |world| {
            let now = world.now;
            world.processes.entry(pid).and_modify(|process| process.ready_at = Some(now));
            world.supervisor.handle(now, Event::Ready { pid: Pid(pid) });
        });
    }

    fn fail(&mut self, pick: usize, retry: bool) {
        if let Some(pid) = self.pick(pick, Process::is_starting) {
            self.tell(Event::Failed { pid: Pid(pid), reason: "no database".to_owned(), retry });
            let code = if retry { 1 } else { 78 };
            self.exit(pid, ExitStatus::Code(code).into());
        }
    }

    pub(super) fn crash(&mut self, pick: usize, ending: Ending) {
        if let Some(pid) = self.pick(pick, |_| true) {
            self.exit(pid, ending);
        }
    }

    fn exit(&mut self, pid: i32, ending: Ending) {
        if let Some(process) = self.processes.remove(&pid) {
            self.witness.ended(&process, self.now);
            self.tell(Event::Exited { pid: Pid(pid), ending });
        }
    }

    fn hang(&mut self, pick: usize) {
        if let Some(pid) = self.pick(pick, |_| true) {
            let now = self.now;
            let toggle = |process: &mut Process| {
                process.hung_at = if process.hung_at.is_some() { None } else { Some(now) };
            };
            self.processes.entry(pid).and_modify(toggle);
        }
    }

    fn due(&mut self, pick: usize) {
        if let Some(pid) = self.pick(pick, Process::serves) {
            self.tell(Event::Due { pid: Pid(pid), why: Recycle::Requests });
        }
    }

    fn strangers(&mut self) {
        let pid = Pid(1);
        self.tell(Event::Ready { pid });
        self.tell(Event::Failed { pid, reason: String::new(), retry: false });
        self.tell(Event::Due { pid, why: Recycle::Requests });
        self.tell(Event::Heartbeat { pid, at: Time::ZERO });
        self.tell(Event::Memory { pid, private: u64::MAX });
        self.tell(Event::Load { server: 99, load: Load { queued: 1, busy_percent: 1 } });
        self.tell(Event::Exited { pid, ending: ExitStatus::Code(0).into() });
    }

    fn look_away(&mut self, time: Time) {
        self.now += time;
        self.unwatched_until = self.now;
    }

    fn stand_still(&mut self, time: Time) {
        let from = self.now;
        self.look_away(time);
        self.standstills.0.push((from, self.now));
        for process in self.processes.values_mut() {
            process.exits_at = process.exits_at.saturating_add(time);
        }
    }

    /// Nothing is wrong with any process any more, and each is READY soon.
    pub(super) fn calm_down(&mut self) {
        self.forks_fail = false;
        self.ready_after = Some(Time::from_millis(50));
        self.load = None;
        self.processes.values_mut().for_each(|process| process.hung_at = None);
    }

    pub(super) fn pass(&mut self, time: Time) {
        let end = self.now + time;
        while let Some(next) = self.next_moment().filter(|next| *next <= end) {
            self.advance(next);
        }
        self.now = end;
        self.check_hung();
    }

    pub(super) fn pass_until_fork(&mut self) {
        while self.processes.is_empty() {
            let next = self.next_moment().expect("a fork to wait for");
            self.advance(next);
        }
    }

    fn next_moment(&self) -> Option<Time> {
        let exit = self.processes.values().map(|process| process.exits_at).min();
        let ready = self.next_ready().map(|(at, _)| at);
        let timeout = self.supervisor.poll_timeout();
        [exit.filter(|at| *at != NEVER), ready, timeout].into_iter().flatten().min()
    }

    fn next_ready(&self) -> Option<(Time, i32)> {
        let after = self.ready_after?;
        let starting = self.processes.iter().filter(|(_, it)| it.is_starting());
        starting.map(|(pid, it)| (it.forked_at + after, *pid)).min()
    }

    /// Goes to that moment. What processes do is told before the time is.
    pub(super) fn advance(&mut self, next: Time) {
        self.now = self.now.max(next);
        let exited = self.processes.iter().find(|(_, it)| it.exits_at <= self.now);
        if let Some((pid, process)) = exited {
            self.exit(*pid, process.ending());
        } else if let Some((_, pid)) = self.next_ready().filter(|(at, _)| *at <= self.now) {
            self.make_ready(pid);
        } else {
            self.see(false, |world| world.supervisor.handle_timeout(world.now));
            let timeout = self.supervisor.poll_timeout();
            assert!(timeout.is_none_or(|at| self.now < at), "a timeout that does not go away");
        }
    }

    /// How many processes there are, and how many of them start and serve.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        let count = |kind: fn(&Process) -> bool| {
            self.processes.values().filter(|process| kind(process)).count()
        };
        (self.processes.len(), count(Process::is_starting), count(Process::serves))
    }

    /// Picks one of the processes of that kind.
    fn pick(&self, pick: usize, kind: fn(&Process) -> bool) -> Option<i32> {
        let pids: Vec<_> =
            self.processes.iter().filter(|(_, it)| kind(it)).map(|(pid, _)| *pid).collect();
        (!pids.is_empty()).then(|| pids[pick % pids.len()])
    }

    // What the supervisor does.

    fn tell(&mut self, event: Event) {
        self.see(false, |world| world.supervisor.handle(world.now, event));
    }

    /// Something is told to the supervisor, which acts; `harsh` when that may take away what serves.
    fn see(&mut self, harsh: bool, tell: impl FnOnce(&mut Self)) {
        let before = self.serving();
        self.witness.begin(harsh, &self.supervisor);
        tell(self);
        self.act();
        self.check(&before);
    }

    fn act(&mut self) {
        while let Some(action) = self.supervisor.poll_action() {
            assert!(!self.finished, "{action:?} after the end");
            self.done.push((self.now, action.clone()));
            match action {
                Action::Fork { slot, generation } => self.fork(slot, generation),
                Action::Signal { pid, how } => self.signal(pid, how),
                Action::Report(report) => self.note(&report),
                Action::Finish { .. } => self.finish(),
                Action::ReadHeartbeat { pid } => {
                    let at = self.sign_of_life(&self.processes[&pid.0]);
                    self.supervisor.handle(self.now, Event::Heartbeat { pid, at });
                }
                Action::ReadMemory { pid } => {
                    let private = self.processes[&pid.0].weight(self.now);
                    self.supervisor.handle(self.now, Event::Memory { pid, private });
                }
                Action::ReadLoad { server } => {
                    let load = self.load_of(server);
                    self.supervisor.handle(self.now, Event::Load { server, load });
                }
            }
        }
    }

    fn fork(&mut self, slot: SlotId, generation: Generation) {
        self.check_fork(slot, generation);
        let event = if self.forks_fail {
            Event::ForkFailed { slot, generation, reason: "no memory".to_owned() }
        } else {
            let pid = (100..).find(|pid| !self.processes.contains_key(pid)).expect("a number");
            let manner = self.manners[self.witness.forked % self.manners.len()];
            let manner = manner.map(Time::from_millis);
            let watched = self.servers[slot.server].heartbeat_timeout.is_some();
            let process = Process::new(slot, generation, watched, manner, self.now);
            self.processes.insert(pid, process);
            Event::Forked { slot, generation, pid: Pid(pid) }
        };
        self.witness.forked += 1;
        self.supervisor.handle(self.now, event);
    }

    fn signal(&mut self, pid: Pid, how: Leave) {
        self.check_signal(pid, how);
        let process = self.processes.get_mut(&pid.0).expect("a signal to a process that lives");
        self.witness.ended(process, self.now);
        process.hear(how, self.now);
    }

    fn note(&mut self, report: &Report) {
        self.witness.note(report);
        match report {
            Report::StartFailed(_) | Report::NothingServes(_) => self.stopping = true,
            Report::Due { pid, .. } => {
                self.processes.entry(pid.0).and_modify(|process| process.due = true);
            }
            Report::ReloadFinished { result: Ok(()), .. } => self.settle_upgrade(),
            _ => {}
        }
    }

    fn finish(&mut self) {
        assert!(self.stopping && self.processes.is_empty(), "left behind: {:?}", self.processes);
        self.witness.check_outcomes();
        self.finished = true;
    }

    fn load_of(&self, server: usize) -> Load {
        let busy_percent = 60 * self.target(server);
        self.load.unwrap_or(Load { queued: 0, busy_percent })
    }

    fn target(&self, server: usize) -> u32 {
        self.status(server).target
    }

    fn status(&self, server: usize) -> ServerStatus {
        self.supervisor.status().nth(server).expect("a server")
    }

    fn sign_of_life(&self, process: &Process) -> Time {
        let beat = self.standstills.last_beat(process.hung_at.unwrap_or(self.now));
        beat.max(process.ready_at.unwrap_or_default())
    }
}
