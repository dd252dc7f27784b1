//! A simulated world for one supervisor, which checks the invariants after every step.

use std::collections::BTreeMap;

use super::*;

/// Something that happens, chosen at random. Numbers pick one of the processes there are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Pass(u64),
    Ready(usize),
    Fail(usize),
    Crash(usize),
    ForksFail(bool),
    Command(Command),
    /// Two at once.
    Commands(Command, Command),
    Strangers,
}

/// A random program.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// How many workers the servers have.
    pub(super) sizes: Vec<u32>,
    /// Whether the start has succeeded before the first step.
    pub(super) started: bool,
    pub(super) steps: Vec<Step>,
    /// How many milliseconds the processes in turn take to obey. None obeys nothing but a kill.
    pub(super) manners: Vec<Option<u64>>,
}

pub(super) const ORIGIN: Time = Time::from_secs(1_000);
pub(super) const START: Time = Time::from_secs(20);
pub(super) const DRAIN: Time = Time::from_secs(10);

/// A process of the simulated world.
#[derive(Clone, Debug)]
pub(super) struct Process {
    slot: SlotId,
    generation: Generation,
    forked_at: Time,
    ready: bool,
    told: Option<Leave>,
    obeys_after: Option<Time>,
    /// Never, unless it was told to leave.
    exits_at: Time,
}

impl Process {
    fn stays(&self) -> bool {
        self.told.is_none()
    }

    fn serves(&self) -> bool {
        self.ready && self.stays()
    }
}

/// A supervisor, the processes it has forked, and what is known about both.
pub(super) struct World {
    pub(super) supervisor: Supervisor,
    now: Time,
    pub(super) processes: BTreeMap<i32, Process>,
    manners: Vec<Option<u64>>,
    surge: Vec<usize>,
    slots: usize,
    pub(super) forks_fail: bool,
    /// When a process becomes READY by itself.
    pub(super) ready_after: Option<Time>,
    next_pid: i32,
    pub(super) forks: Vec<Time>,
    pub(super) done: Vec<(Time, Action)>,
    reloads: usize,
    outcomes: Vec<(Generation, bool)>,
    pub(super) stopping: bool,
    pub(super) finished: bool,
}

impl World {
    pub(super) fn play(plan: &Plan) -> Self {
        let mut world = Self::new(&plan.sizes, plan.manners.clone());
        if plan.started {
            (0..world.slots).for_each(|_| world.ready(0));
        }
        for step in &plan.steps {
            match *step {
                Step::Pass(millis) => world.pass(Time::from_millis(millis)),
                Step::Ready(pick) => world.ready(pick),
                Step::Fail(pick) => world.fail(pick),
                Step::Crash(pick) => world.crash(pick),
                Step::ForksFail(fail) => world.forks_fail = fail,
                Step::Command(command) => world.command(command),
                Step::Commands(one, two) => {
                    world.announce(one);
                    world.announce(two);
                    world.supervisor.handle(world.now, Event::Command(one));
                    world.handle(Event::Command(two));
                }
                Step::Strangers => world.strangers(),
            }
        }
        world
    }

    pub(super) fn new(sizes: &[u32], manners: Vec<Option<u64>>) -> Self {
        let server = |workers| ServerSettings {
            workers,
            start_timeout: START,
            drain_timeout: DRAIN,
            max_restarts: Some(1000),
            ..ServerSettings::default()
        };
        let servers: Vec<_> = sizes.iter().copied().map(server).collect();
        Self::with(Settings::default(), &servers, manners)
    }

    pub(super) fn with(
        settings: Settings,
        servers: &[ServerSettings],
        manners: Vec<Option<u64>>,
    ) -> Self {
        let mut world = Self {
            now: ORIGIN,
            supervisor: Supervisor::new(ORIGIN, settings, servers),
            processes: BTreeMap::new(),
            manners,
            surge: servers.iter().map(|it| (it.workers as usize).div_ceil(4)).collect(),
            slots: servers.iter().map(|it| it.workers as usize).sum(),
            forks_fail: false,
            ready_after: None,
            next_pid: 100,
            forks: Vec::new(),
            done: Vec::new(),
            reloads: 0,
            outcomes: Vec::new(),
            stopping: false,
            finished: false,
        };
        world.act();
        world
    }

    // What happens.

    pub(super) fn command(&mut self, command: Command) {
        self.announce(command);
        match command {
            Command::Reload => self.handle_gently(Event::Command(command)),
            // These are allowed to stop what serves.
            Command::Restart | Command::Scale { .. } | Command::Stop(_) => {
                self.handle(Event::Command(command))
            }
        }
    }

    fn announce(&mut self, command: Command) {
        match command {
            Command::Reload if !self.stopping => self.reloads += 1,
            Command::Stop(_) => self.stopping = true,
            Command::Reload | Command::Restart | Command::Scale { .. } => {}
        }
    }

    pub(super) fn ready(&mut self, pick: usize) {
        if let Some(pid) = self.pick(pick, |process| !process.ready) {
            self.make_ready(pid);
        }
    }

    fn make_ready(&mut self, pid: i32) {
        let before = self.serving();
        self.processes.entry(pid).and_modify(|process| process.ready = true);
        self.handle(Event::Ready { pid: Pid(pid) });
        self.check_serving(before);
    }

    fn fail(&mut self, pick: usize) {
        if let Some(pid) = self.pick(pick, |process| !process.ready) {
            self.handle_gently(Event::Failed {
                pid: Pid(pid),
                reason: "no database".to_owned(),
                retry: true,
            });
            self.exit(pid, ExitStatus::Code(1));
        }
    }

    pub(super) fn crash(&mut self, pick: usize) {
        if let Some(pid) = self.pick(pick, |_| true) {
            self.exit(pid, ExitStatus::Signal(11));
        }
    }

    fn exit(&mut self, pid: i32, status: ExitStatus) {
        self.processes.remove(&pid);
        self.handle_gently(Event::Exited { pid: Pid(pid), ending: status.into() });
    }

    fn strangers(&mut self) {
        self.handle_gently(Event::Ready { pid: Pid(1) });
        self.handle_gently(Event::Failed { pid: Pid(1), reason: String::new(), retry: true });
        self.handle_gently(Event::Exited { pid: Pid(1), ending: ExitStatus::Code(0).into() });
    }

    pub(super) fn pass(&mut self, time: Time) {
        let end = self.now + time;
        while let Some(next) = self.next_moment().filter(|next| *next <= end) {
            self.advance(next);
        }
        self.now = end;
    }

    pub(super) fn pass_until_fork(&mut self) {
        while self.processes.is_empty() {
            let next = self.next_moment().expect("a fork to wait for");
            self.advance(next);
        }
    }

    fn next_moment(&self) -> Option<Time> {
        let exit = self.processes.values().map(|process| process.exits_at).min();
        let ready = self.due_ready().map(|(at, _)| at);
        let timeout = self.supervisor.poll_timeout();
        [exit.filter(|at| *at != NEVER), ready, timeout].into_iter().flatten().min()
    }

    fn due_ready(&self) -> Option<(Time, i32)> {
        let after = self.ready_after?;
        let starting = self.processes.iter().filter(|(_, it)| !it.ready && it.stays());
        starting.map(|(pid, it)| (it.forked_at + after, *pid)).min()
    }

    fn advance(&mut self, next: Time) {
        self.now = self.now.max(next);
        let exited = self.processes.iter().find(|(_, it)| it.exits_at <= self.now);
        if let Some((pid, process)) = exited {
            let status = match process.told {
                Some(Leave::Kill) => ExitStatus::Signal(9),
                _ => ExitStatus::Code(0),
            };
            self.exit(*pid, status);
        } else if let Some((_, pid)) = self.due_ready().filter(|(at, _)| *at <= self.now) {
            self.make_ready(pid);
        } else {
            let before = self.serving();
            self.supervisor.handle_timeout(self.now);
            self.act();
            self.check_serving(before);
            let timeout = self.supervisor.poll_timeout();
            assert!(timeout.is_none_or(|at| self.now < at), "a timeout that does not go away");
        }
    }

    /// Picks one of the processes of that kind.
    fn pick(&self, pick: usize, kind: fn(&Process) -> bool) -> Option<i32> {
        let pids: Vec<_> =
            self.processes.iter().filter(|(_, it)| kind(it)).map(|(pid, _)| *pid).collect();
        (!pids.is_empty()).then(|| pids[pick % pids.len()])
    }

    // What the supervisor does.

    fn handle(&mut self, event: Event) {
        self.supervisor.handle(self.now, event);
        self.act();
    }

    /// An event after which no fewer may serve than before.
    fn handle_gently(&mut self, event: Event) {
        let before = self.serving();
        self.handle(event);
        self.check_serving(before);
    }

    fn act(&mut self) {
        while let Some(action) = self.supervisor.poll_action() {
            assert!(!self.finished, "{action:?} after the end");
            self.done.push((self.now, action.clone()));
            match action {
                Action::Fork { slot, generation } => self.fork(slot, generation),
                Action::Signal { pid, how } => self.signal(pid, how),
                Action::Report(report) => self.note(&report),
                Action::ReadHeartbeat { .. }
                | Action::ReadMemory { .. }
                | Action::ReadLoad { .. } => {}
                Action::Finish { .. } => {
                    assert!(self.processes.is_empty(), "left behind: {:?}", self.processes);
                    assert_eq!(self.reloads, self.outcomes.len(), "a reload without outcome");
                    self.finished = true;
                }
            }
        }
        self.check_slots();
    }

    fn fork(&mut self, slot: SlotId, generation: Generation) {
        assert!(!self.stopping, "a fork after the stop");
        self.forks.push(self.now);
        if self.forks_fail {
            let reason = "no memory".to_owned();
            return self
                .supervisor
                .handle(self.now, Event::ForkFailed { slot, generation, reason });
        }
        let pid = self.next_pid;
        self.next_pid += 1;
        let manner = self.manners[pid as usize % self.manners.len()];
        let process = Process {
            slot,
            generation,
            forked_at: self.now,
            ready: false,
            told: None,
            obeys_after: manner.map(Time::from_millis),
            exits_at: NEVER,
        };
        self.processes.insert(pid, process);
        self.supervisor.handle(self.now, Event::Forked { slot, generation, pid: Pid(pid) });
    }

    fn signal(&mut self, pid: Pid, how: Leave) {
        if how == Leave::Drain && !self.stopping {
            self.check_replaced(pid);
        }
        let now = self.now;
        let process = self.processes.get_mut(&pid.0).expect("a signal to a process that lives");
        assert!(process.told < Some(how), "told the same again");
        process.told = Some(how);
        let delay = match how {
            Leave::Kill => Some(Time::from_millis(5)),
            Leave::Drain | Leave::Stop | Leave::Abort => process.obeys_after,
        };
        if let Some(delay) = delay {
            process.exits_at = process.exits_at.min(now + delay);
        }
    }

    fn note(&mut self, report: &Report) {
        match report {
            Report::StartFailed(_) => self.stopping = true,
            Report::ReloadFinished { generation, result } => {
                self.outcomes.push((*generation, result.is_ok()));
            }
            _ => {}
        }
    }

    // What must hold.

    fn serving(&self) -> usize {
        self.processes.values().filter(|process| process.serves()).count()
    }

    /// Only a stop, a restart, or an exit on its own account takes away what serves.
    fn check_serving(&self, before: usize) {
        assert!(self.stopping || before <= self.serving(), "{:?}", self.processes);
    }

    /// A worker drains only when a newer one of its slot serves.
    fn check_replaced(&self, pid: Pid) {
        let old = &self.processes[&pid.0];
        let replaced = self
            .processes
            .values()
            .any(|new| new.serves() && new.slot == old.slot && new.generation > old.generation);
        assert!(replaced, "{pid:?} drains without a successor");
    }

    fn check_slots(&self) {
        let mut staying: BTreeMap<SlotId, Vec<&Process>> = BTreeMap::new();
        for process in self.processes.values().filter(|process| process.stays()) {
            staying.entry(process.slot).or_default().push(process);
        }
        let mut replaced = vec![0; self.surge.len()];
        for (slot, workers) in staying {
            assert!(workers.len() <= 2, "{workers:?}");
            if let [old, new] = workers[..] {
                assert_ne!(old.generation, new.generation);
                assert!(old.serves() && !new.serves(), "{workers:?}");
                replaced[slot.server] += 1;
            }
        }
        for (replaced, surge) in replaced.iter().zip(&self.surge) {
            assert!(replaced <= surge, "too many successors");
        }
        let mut known: Vec<_> = workers(&self.supervisor)
            .into_iter()
            .filter_map(|it| it.pid)
            .map(|pid| pid.0)
            .collect();
        known.sort_unstable();
        assert!(known.iter().eq(self.processes.keys()), "{known:?} {:?}", self.processes);
    }

    /// Each slot has one worker, of the newest generation, and every reload had its outcome.
    pub(super) fn check_whole(&self) {
        let generations: Vec<_> = self.processes.values().map(|it| it.generation).collect();
        assert_eq!(generations.len(), self.slots, "{:?}", self.processes);
        assert!(generations.iter().all(|it| *it == generations[0]), "{generations:?}");
        assert!(self.processes.values().all(Process::serves), "{:?}", self.processes);
        assert_eq!(self.reloads, self.outcomes.len(), "a reload without outcome");
        let last = self.outcomes.last();
        assert!(last.is_none_or(|(generation, done)| *done || *generation < generations[0]));
    }
}
