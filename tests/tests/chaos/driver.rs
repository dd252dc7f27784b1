//! Carries out steps, undoes them, and sees to it that everything is well afterwards.

use crate::plan::Step;
use crate::watch::Watch;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use runner_tests::{
    Program, Worker, children_of, connect, eventually, get, state_of, try_limit_descriptors,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// In what time after a storm all workers must serve. The longest back-off that a storm can bring
/// about is about as long as the storm.
const CALM_WITHIN: Duration = Duration::from_secs(20);

/// For how long a worker serves until its slot has no back-off any more, and a little.
const STABLE: Duration = Duration::from_millis(1200);

/// In what time each slot must answer a client.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// How many connections fill a worker that has next to no descriptors: they go to its siblings too.
const CONNECTIONS: usize = 24;

/// One master's tormentor.
pub(crate) struct Driver<'a> {
    program: &'a Program,
    watch: &'a Watch,
    addresses: BTreeMap<&'static str, SocketAddr>,
    /// How many workers each server is to have.
    wanted: BTreeMap<&'static str, u32>,
    /// How often they were scaled.
    scaled: usize,
    held: Vec<TcpStream>,
    /// Workers with few descriptors.
    limited: BTreeSet<i32>,
    /// Whether workers could not start since the last calm.
    broken: bool,
}

impl<'a> Driver<'a> {
    pub(crate) fn of(
        program: &'a Program,
        watch: &'a Watch,
        addresses: BTreeMap<&'static str, SocketAddr>,
    ) -> Self {
        let wanted = BTreeMap::from([("web", 3), ("echo", 2)]);
        let (held, limited) = (Vec::new(), BTreeSet::new());
        Self { program, watch, addresses, wanted, scaled: 0, held, limited, broken: false }
    }

    pub(crate) fn carry_out(&mut self, step: Step) {
        match step {
            Step::Wait(time) => self.watch.wait(time),
            Step::Command(signal) => self.program.signal(signal),
            Step::Scale(by) => self.scale(by),
            Step::Pause(time) => {
                self.program.signal(Signal::SIGSTOP);
                self.watch.wait(time);
                self.program.signal(Signal::SIGCONT);
            }
            Step::Signal(worker, signal) => {
                if let Some(worker) = self.worker(worker) {
                    if signal == Signal::SIGABRT {
                        self.watch.discount(worker.pid);
                    }
                    send(&worker, signal);
                }
            }
            Step::Continue => self.continue_all(),
            Step::Fill(worker) => self.fill(worker),
            Step::Release => self.release(),
            Step::Break(fault) => {
                self.broken = true;
                std::fs::write(self.fault(), fault).expect("a writable directory");
            }
            Step::Mend => self.mend(),
        }
    }

    /// Undoes everything and waits until all is well.
    pub(crate) fn calm(&mut self) -> Duration {
        self.mend();
        self.release();
        self.continue_all();
        if std::mem::take(&mut self.broken) {
            // As whoever has mended it would do; slots may wait for half a minute otherwise.
            self.program.signal(Signal::SIGUSR2);
        }
        let began = Instant::now();
        let mut settled = self.settled();
        let mut since = Instant::now();
        while settled.is_none() || since.elapsed() < STABLE {
            let seen = self.program.workers();
            assert!(began.elapsed() < CALM_WITHIN, "{:?} want {seen:?}", self.wanted);
            self.watch.wait(Duration::from_millis(10));
            let now = self.settled();
            if now.is_none() || now != settled {
                (settled, since) = (now, Instant::now());
            }
        }
        let took = since.duration_since(began);
        self.await_answers();
        took
    }

    /// The workers, if they are those that are wanted, all of them serve, and there is no other
    /// child.
    fn settled(&self) -> Option<Vec<Worker>> {
        let workers = self.program.workers();
        let wanted = self.wanted.iter();
        let wanted =
            wanted.flat_map(|(server, count)| (0..*count).map(move |i| format!("{server} {i}")));
        let mut places: Vec<_> = workers.iter().map(Worker::place).collect();
        places.sort_unstable();
        let mut wanted: Vec<_> = wanted.collect();
        wanted.sort_unstable();
        let serve = workers.iter().all(|worker| worker.serving_generation().is_some());
        let alone = children_of(self.program.pid()).len() == workers.len();
        (places == wanted && serve && alone).then_some(workers)
    }

    /// Waits until every slot of every server has answered.
    fn await_answers(&self) {
        let began = Instant::now();
        for (server, address) in &self.addresses {
            let mut silent: BTreeSet<_> = (0..self.wanted[server]).collect();
            while !silent.is_empty() {
                assert!(began.elapsed() < ANSWER_WITHIN, "{server}: no answer of {silent:?}");
                let text = if *server == "web" { ask_web(*address) } else { ask_echo(*address) };
                let slot = text.trim().rsplit_once(' ').and_then(|(_, slot)| slot.parse().ok());
                silent.remove(&slot.unwrap_or_else(|| panic!("{server} answers {text:?}")));
            }
        }
    }

    fn scale(&mut self, by: i32) {
        self.program.signal(if by > 0 { Signal::SIGTTIN } else { Signal::SIGTTOU });
        self.scaled += 1;
        // Two of the same kind that wait at the same time are one, the lower number comes first, and
        // the kernel throws away those that wait when the master is continued (signal(7)).
        eventually("the master has obeyed", || {
            (self.program.count("command=Scale") == self.scaled).then_some(())
        });
        for count in self.wanted.values_mut() {
            *count = count.saturating_add_signed(by);
        }
    }

    fn fill(&mut self, worker: usize) {
        let Some(worker) = self.worker(worker) else {
            return;
        };
        if try_limit_descriptors(worker.pid, Some(3)).is_ok() {
            self.limited.insert(worker.pid);
        }
        let address = self.addresses[worker.server()];
        for _ in 0..CONNECTIONS {
            let mut stream = connect(address).expect("the listener is the master's");
            // The first bytes of a request: from now on the connection is the worker's to hold.
            stream.write_all(b"GET").expect("a fresh connection");
            self.held.push(stream);
        }
    }

    fn release(&mut self) {
        self.held.clear();
        for pid in std::mem::take(&mut self.limited) {
            // It may be gone by now.
            let _ = try_limit_descriptors(pid, None);
        }
    }

    fn continue_all(&self) {
        let mut workers = self.program.workers();
        workers.retain(|worker| state_of(worker.pid) == Some('T'));
        for worker in workers {
            send(&worker, Signal::SIGCONT);
        }
    }

    fn mend(&self) {
        match std::fs::remove_file(self.fault()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
            _ => {}
        }
    }

    fn fault(&self) -> std::path::PathBuf {
        self.program.directory().join("start_fault")
    }

    fn worker(&self, place: usize) -> Option<Worker> {
        let mut workers = self.program.workers();
        workers.sort_by(|a, b| a.title.cmp(&b.title));
        (!workers.is_empty()).then(|| workers.swap_remove(place % workers.len()))
    }
}

/// A worker may end by itself at any moment.
fn send(worker: &Worker, signal: Signal) {
    match kill(Pid::from_raw(worker.pid), signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => panic!("{worker:?}: {error}"),
    }
}

fn ask_web(address: SocketAddr) -> String {
    get(address, "/who").expect("an answer").text()
}

fn ask_echo(address: SocketAddr) -> String {
    let mut stream = connect(address).expect("a listener");
    stream.write_all(b"who").expect("a fresh connection");
    let mut bytes = [0; 64];
    let length = stream.read(&mut bytes).expect("an answer");
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}
