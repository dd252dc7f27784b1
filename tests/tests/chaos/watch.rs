//! The checker: it looks at the processes about fifty times a second and says what must not be.

use runner_tests::{
    Program, Worker, children_of, connect, stat_field, state_of, workers_of, works_in,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long, and how many looks in a row, something may be the case that is right in passing: a
/// process that nobody has waited for yet, two workers at a hand-over. It is long, for the machine
/// may be busy; what goes wrong stays wrong.
const PASSING: Duration = Duration::from_secs(1);
const PASSING_LOOKS: u32 = 10;

/// Looks on a thread until it is dropped.
pub(crate) struct Watch {
    violations: Receiver<String>,
    /// Whom not to take for serving; its end is the end of the looking.
    aborted: Option<Sender<i32>>,
    thread: Option<JoinHandle<()>>,
}

struct Checker {
    master: i32,
    directory: PathBuf,
    addresses: Vec<SocketAddr>,
    aborted: BTreeSet<i32>,
    /// The children that the master has or had.
    children: BTreeSet<i32>,
    /// What is the case, since when and in how many looks.
    suspicions: BTreeMap<String, (Instant, u32)>,
}

impl Watch {
    pub(crate) fn over(program: &Program, addresses: Vec<SocketAddr>) -> Self {
        let (aborted, told) = mpsc::channel();
        let (violation, violations) = mpsc::channel();
        let mut checker = Checker {
            master: program.pid(),
            directory: program.directory().canonicalize().expect("the program's directory"),
            addresses,
            aborted: BTreeSet::new(),
            children: BTreeSet::new(),
            suspicions: BTreeMap::new(),
        };
        let thread = std::thread::spawn(move || {
            if let Some(found) = checker.look_until_told(&told) {
                let _ = violation.send(found);
            }
        });
        Self { violations, aborted: Some(aborted), thread: Some(thread) }
    }

    /// A worker is about to be aborted: while it says where it was, which takes its time, it does
    /// not serve.
    pub(crate) fn discount(&self, pid: i32) {
        if let Some(aborted) = &self.aborted {
            // A checker that has found something has ended.
            let _ = aborted.send(pid);
        }
    }

    /// Lets the time pass, in which nothing may be found.
    pub(crate) fn wait(&self, time: Duration) {
        match self.violations.recv_timeout(time) {
            Ok(violation) => panic!("{violation}"),
            Err(RecvTimeoutError::Disconnected) => panic!("the checker has failed"),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.aborted.take();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Checker {
    /// Returns the first thing that is wrong.
    fn look_until_told(&mut self, told: &Receiver<i32>) -> Option<String> {
        loop {
            match told.recv_timeout(LOOK_EVERY) {
                Ok(pid) => drop(self.aborted.insert(pid)),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    let found = self.look();
                    if found.is_some() {
                        return found;
                    }
                }
            }
        }
    }

    /// Returns what is wrong for sure.
    fn look(&mut self) -> Option<String> {
        for address in &self.addresses {
            if let Err(error) = connect(*address) {
                return Some(format!("{address} takes no connection: {error}"));
            }
        }
        match state_of(self.master) {
            None | Some('Z') => return Some("the master is gone".to_owned()),
            // It can do nothing about anything; the time begins anew when it goes on.
            Some('T') => self.suspicions.clear(),
            Some(_) => {}
        }
        let suspicious = self.suspicious();
        self.suspicions.retain(|what, _| suspicious.contains(what));
        for what in suspicious {
            let (since, looks) = self.suspicions.entry(what.clone()).or_insert((Instant::now(), 0));
            *looks += 1;
            if *looks > PASSING_LOOKS && since.elapsed() > PASSING {
                return Some(format!("for {:?}: {what}", since.elapsed()));
            }
        }
        None
    }

    /// What would be wrong if it were so for long.
    fn suspicious(&mut self) -> BTreeSet<String> {
        let children = children_of(self.master);
        let zombies = children.iter().filter(|pid| state_of(**pid) == Some('Z'));
        let zombies = zombies.map(|pid| format!("{pid} is a zombie")).collect::<Vec<_>>();
        self.children.extend(children);
        let orphans = self.orphans();
        zombies
            .into_iter()
            .chain(orphans)
            .chain(self.doubles())
            .chain(self.wrong_pid_file())
            .collect()
    }

    /// Workers that have another parent by now. Only those that were seen before are looked at, for
    /// to look at a process holds up whoever waits for its end.
    fn orphans(&mut self) -> Vec<String> {
        let directory = &self.directory;
        self.children.retain(|pid| works_in(*pid, directory));
        let parent = |pid: i32| stat_field(pid, 4);
        let adopted = |pid: &&i32| parent(**pid).is_some_and(|it| it != i64::from(self.master));
        let orphans = self.children.iter().filter(adopted);
        orphans.map(|pid| format!("{pid} is not a child of the master any more")).collect()
    }

    /// Slots in which two workers serve. One that is stopped cannot, whatever its title says.
    fn doubles(&self) -> Vec<String> {
        let mut serving: BTreeMap<String, Vec<Worker>> = BTreeMap::new();
        for worker in workers_of(self.master) {
            let able = state_of(worker.pid) != Some('T') && !self.aborted.contains(&worker.pid);
            if worker.serving_generation().is_some() && able {
                serving.entry(worker.place().to_owned()).or_default().push(worker);
            }
        }
        serving.retain(|_, workers| workers.len() > 1);
        serving.values().map(|workers| format!("more than one serves: {workers:?}")).collect()
    }

    fn wrong_pid_file(&self) -> Option<String> {
        let text = fs::read_to_string(self.directory.join("app.pid"));
        match text {
            Ok(text) if text.trim() == self.master.to_string() => None,
            other => Some(format!("the pid file holds {other:?} instead of {}", self.master)),
        }
    }
}
