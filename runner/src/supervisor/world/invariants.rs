//! What must hold in the simulated world.

use std::collections::BTreeMap;

use super::process::Process;
use super::{HEARTBEAT, World};
use crate::spec::Share;
use crate::supervisor::server::Server;
use crate::supervisor::{
    Command, Generation, Leave, Mode, Pid, Report, ServerSettings, SlotId, State, Supervisor, Time,
};

/// The time in which forks are counted.
const PERIOD: Time = Time::from_secs(10);

/// What was seen that the state of the world does not tell.
#[derive(Clone, Debug)]
pub(in crate::supervisor) struct Witness {
    pub(super) forked: usize,
    /// Whether what happens now may take away what serves.
    harsh: bool,
    /// How many of each server were aborted by what happens now.
    aborted: Vec<u32>,
    /// The least and the most workers that each server was to have while this happens.
    targets: Vec<(u32, u32)>,
    forks: BTreeMap<SlotId, Forks>,
    reloads: usize,
    outcomes: Vec<(Generation, bool)>,
}

/// When a slot was forked for.
#[derive(Clone, Debug, Default)]
struct Forks {
    /// Since somebody wanted something.
    all: Vec<Time>,
    /// Since one of its workers was stable, too.
    unstable: Vec<Time>,
}

impl Witness {
    pub(super) fn new(servers: usize) -> Self {
        Self {
            forked: 0,
            harsh: false,
            aborted: vec![0; servers],
            targets: vec![(u32::MAX, 0); servers],
            forks: BTreeMap::new(),
            reloads: 0,
            outcomes: Vec::new(),
        }
    }

    /// There is one more server.
    pub(super) fn extend(&mut self) {
        self.aborted.push(0);
        self.targets.push((u32::MAX, 0));
    }

    /// Every slot may be filled at once.
    pub(super) fn forget_forks(&mut self) {
        self.forks.clear();
    }

    pub(super) fn begin(&mut self, harsh: bool, supervisor: &Supervisor) {
        self.harsh = harsh;
        self.aborted.fill(0);
        self.targets.fill((u32::MAX, 0));
        self.scaled(supervisor);
    }

    pub(super) fn scaled(&mut self, supervisor: &Supervisor) {
        for ((least, most), server) in self.targets.iter_mut().zip(supervisor.status()) {
            *least = server.target.min(*least);
            *most = server.target.max(*most);
        }
    }

    pub(super) fn asked(&mut self, command: &Command, supervisor: &Supervisor) {
        self.forget_forks();
        let reloadable =
            |it: &usize| supervisor.servers.get(*it).is_some_and(Server::is_reloadable);
        let is_reload = match command {
            Command::Reload => true,
            Command::ReloadOnly(servers) => {
                supervisor.mode.forks() && servers.iter().any(reloadable)
            }
            _ => false,
        };
        self.reloads += usize::from(is_reload && supervisor.mode != Mode::Finished);
    }

    /// A process has exited, or was told to.
    pub(super) fn ended(&mut self, process: &Process, now: Time) {
        if process.is_stable(now) {
            self.forks.entry(process.slot).or_default().unstable.clear();
        }
    }

    pub(super) fn note(&mut self, report: &Report) {
        match report {
            Report::ReloadFinished { generation, result } => {
                self.forks.clear();
                self.outcomes.push((*generation, result.is_ok()));
            }
            Report::Scaled { .. } => self.forks.clear(),
            Report::Ignored(Command::Reload) => self.reloads -= 1,
            _ => {}
        }
    }

    /// How often it was forked, but for slots that somebody has asked for anew.
    pub(in crate::supervisor) fn forks_before(&self, end: Time) -> usize {
        self.forks.values().flat_map(|forks| &forks.all).filter(|at| **at < end).count()
    }

    pub(in crate::supervisor) fn last_reload_succeeded(&self) -> bool {
        self.outcomes.last().is_some_and(|(_, succeeded)| *succeeded)
    }

    pub(in crate::supervisor) fn check_outcomes(&self) {
        assert_eq!(self.reloads, self.outcomes.len(), "each reload has one outcome");
    }

    /// A crash loop slows down; a stable life in between ends it, but takes its time itself.
    fn check_rate(&mut self, slot: SlotId, now: Time) {
        let Forks { all, unstable } = self.forks.entry(slot).or_default();
        for (forks, most) in [(all, 30), (unstable, 10)] {
            forks.push(now);
            let recent = forks.iter().filter(|at| now < **at + PERIOD).count();
            assert!(recent <= most, "{recent} forks for {slot:?} in {PERIOD:?}");
        }
    }
}

impl World {
    /// After each event; `before` served before it.
    pub(super) fn check(&mut self, before: &[u32]) {
        self.check_serving(before);
        self.check_slots();
        self.check_known();
        self.check_status();
        self.check_hung();
        assert!(!self.finished || self.supervisor.poll_timeout().is_none(), "nothing to wait for");
    }

    /// How many serve in each server.
    pub(super) fn serving(&self) -> Vec<u32> {
        let mut serving = vec![0; self.servers.len()];
        for process in self.processes.values().filter(|process| process.serves()) {
            serving[process.slot.server] += 1;
        }
        serving
    }

    /// What is voluntary takes nobody away below the budget, whatever is missing for other reasons.
    fn check_serving(&self, before: &[u32]) {
        if self.witness.harsh || self.stopping {
            return;
        }
        let states = self.servers.iter().zip(self.supervisor.status()).zip(&self.witness.targets);
        let counts = before.iter().zip(self.serving()).zip(&self.witness.aborted);
        for (((server, status), (least, _)), ((before, after), aborted)) in states.zip(counts) {
            let target = status.target.min(*least);
            let needed = target.saturating_sub(budget(server, target).1);
            let least = needed.min(*before).saturating_sub(*aborted);
            assert!(least <= after, "{before} served, {after} do: {:?}", self.processes);
        }
    }

    /// Nobody shares a slot but a worker that serves and the successor that it was given.
    fn check_slots(&self) {
        let mut staying: BTreeMap<SlotId, Vec<&Process>> = BTreeMap::new();
        for process in self.processes.values().filter(|process| process.stays()) {
            staying.entry(process.slot).or_default().push(process);
        }
        for workers in staying.values() {
            let serving = workers.iter().filter(|it| it.serves()).count();
            assert!(workers.len() <= 1 || (workers.len() == 2 && serving == 1), "{workers:?}");
        }
    }

    /// The supervisor knows the processes that there are, and new connections go to such that serve.
    fn check_known(&self) {
        let status = self.supervisor.status().flat_map(|server| server.workers);
        let mut known: Vec<_> = status.filter_map(|it| it.pid).map(|pid| pid.0).collect();
        known.sort_unstable();
        assert!(known.iter().eq(self.processes.keys()), "{known:?} {:?}", self.processes);
        for server in 0..self.servers.len() {
            for slot in self.supervisor.serving(server) {
                let slot = SlotId { server, slot };
                assert!(self.processes.values().any(|it| it.slot == slot && it.is_open()));
            }
        }
    }

    fn check_status(&self) {
        for (index, server) in self.supervisor.status().enumerate() {
            let removed = self.removed.contains(&index);
            let (least, most) = self.servers[index].bounds;
            assert!(
                removed || (least..=most).contains(&server.target),
                "{} workers",
                server.target
            );
            for worker in &server.workers {
                let empty = matches!(worker.state, State::BackOff { .. } | State::Failed { .. });
                assert_eq!(empty, worker.pid.is_none(), "{worker:?}");
                assert!(!empty || worker.slot.slot < server.target, "{worker:?} is not wanted");
            }
        }
    }

    /// A worker that hangs is gone soon, unless everything stands still.
    pub(super) fn check_hung(&self) {
        for process in self.processes.values() {
            // Whoever was told to leave has another deadline.
            let judged = matches!(process.told, None | Some(Leave::Abort));
            if judged && process.watched && process.hung_at.is_some() && process.ready_at.is_some()
            {
                let since = self.sign_of_life(process).max(self.unwatched_until);
                let silent = self.now.saturating_sub(since);
                assert!(silent <= HEARTBEAT + Time::from_secs(1), "{process:?} hangs on");
            }
        }
    }

    pub(super) fn check_fork(&mut self, slot: SlotId, generation: Generation) {
        assert!(!self.stopping, "a fork after the stop");
        assert!(0 < generation, "a fork for {slot:?} before the reload");
        assert!(!self.removed.contains(&slot.server), "a fork for {slot:?}, which is gone");
        assert!(slot.slot < self.target(slot.server), "a fork for {slot:?}, which nobody wants");
        let in_slot = |it: &&Process| it.slot == slot && it.stays();
        let holder = self.processes.values().find(in_slot);
        if let Some(holder) = holder {
            let replaced = holder.due || holder.generation < generation;
            assert!(holder.serves() && replaced, "a successor for {holder:?}");
            self.check_surge(slot.server);
        }
        self.witness.check_rate(slot, self.now);
    }

    /// With one more, there are not too many successors.
    fn check_surge(&self, server: usize) {
        let serves = |slot| self.processes.values().any(|it| it.slot == slot && it.serves());
        let starting = self.processes.values().filter(|it| it.is_starting());
        let successors = starting.filter(|it| it.slot.server == server && serves(it.slot)).count();
        // The fork may have been wanted before there were to be fewer workers.
        let target = self.target(server).max(self.witness.targets[server].1);
        let surge = budget(&self.servers[server], target).0;
        assert!(successors < surge as usize, "{successors} and one more successors");
    }

    pub(super) fn check_signal(&mut self, pid: Pid, how: Leave) {
        let process = &self.processes[&pid.0];
        assert!(process.told < Some(how), "{pid:?} is told the same again");
        if !process.serves() || self.stopping {
            return;
        }
        match how {
            Leave::LameDuck => panic!("{process:?} is no lame duck before a stop"),
            Leave::Drain => self.check_drain(process),
            Leave::Stop | Leave::Kill => assert!(self.witness.harsh, "{process:?}: {how:?}"),
            Leave::Abort => {
                assert!(process.hung_at.is_some(), "{process:?} lives");
                self.witness.aborted[process.slot.server] += 1;
            }
        }
    }

    /// A worker drains when its successor serves, or when it is to go without one.
    fn check_drain(&self, old: &Process) {
        let in_slot = self.processes.values().filter(|it| it.slot == old.slot);
        let replaced = in_slot.filter(|it| it.serves()).count() == 2;
        let unwanted = self.target(old.slot.server) <= old.slot.slot;
        let outdated = old.generation < self.status(old.slot.server).generation;
        assert!(replaced || unwanted || old.due || outdated, "{old:?} drains for nothing");
    }

    /// Once all goes well each server has its workers of the newest generation and nothing else, but
    /// for those that are being recycled.
    pub(in crate::supervisor) fn check_whole(&self) {
        self.witness.check_outcomes();
        for (index, (server, status)) in
            self.servers.iter().zip(self.supervisor.status()).enumerate()
        {
            assert!(!status.degraded || self.removed.contains(&index), "{status:?}");
            assert!(status.target == 0 || !self.removed.contains(&index), "{status:?} is gone");
            let processes = self.processes.values().filter(|it| it.slot.server == index);
            let (serving, others): (Vec<_>, Vec<_>) = processes.partition(|it| it.serves());
            let right =
                |it: &&Process| it.slot.slot < status.target && it.generation == status.generation;
            assert!(serving.iter().all(right), "{serving:?}");
            let recycles = server.max_lifetime.is_some() || server.max_memory.is_some();
            let missing = if recycles { budget(server, status.target).1 } else { 0 };
            let least = status.target.saturating_sub(missing) as usize;
            assert!(least <= serving.len(), "{serving:?}");
            assert!(recycles || others.is_empty(), "{others:?}");
        }
    }
}

/// How many successors there may be, and how many fewer may serve.
fn budget(server: &ServerSettings, target: u32) -> (u32, u32) {
    let surge = match server.max_surge {
        Share::Count(count) => count,
        Share::Percent(percent) => (target * percent).div_ceil(100),
    };
    let unavailable = match server.max_unavailable {
        Share::Count(count) => count,
        Share::Percent(percent) => target * percent / 100,
    };
    if (surge, unavailable) == (0, 0) { (0, 1) } else { (surge, unavailable) }
}
