//! Workers that are killed one after the other, while clients of the others notice nothing.

use crate::program;
use crate::random::Random;
use nix::sys::signal::Signal;
use runner_tests::{Program, Worker, connect, descriptors, eventually, get_on};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const KILLS: usize = 100;
const WORKERS: usize = 8;
const CLIENTS: usize = 16;

/// How long a worker serves until its slot is filled at once if it is killed.
const STABLE: Duration = Duration::from_secs(1);

/// A hundred random workers are killed under load. Each time there are all of them again, no
/// client of another worker notices, and the master gains no descriptor.
#[test]
fn a_hundred_kills_concern_only_those_who_are_killed() {
    let program = program()
        .env("RUNNER_SERVER_WEB__WORKERS", &WORKERS.to_string())
        .env("RUNNER_SERVER_WEB__MAX_RESTARTS", "1000")
        .env("RUNNER_SERVER_ECHO__WORKERS", "1")
        .spawn()
        .ready();
    let clients = Clients::start(program.address("web"));
    let mut random = Random::new(crate::seed());
    let mut took = Vec::new();
    let mut seen = BTreeMap::new();
    let at_first = descriptors(program.pid()).len();
    for _ in 0..KILLS {
        let mut workers = eventually("some worker has served for a while", || {
            let mut workers = at_full_strength(&program);
            let now = Instant::now();
            workers.retain(|worker| *seen.entry(worker.pid).or_insert(now) + STABLE < now);
            (!workers.is_empty()).then_some(workers)
        });
        let victim = workers.swap_remove(random.below(workers.len()));
        clients.forget(victim.pid);
        let killed = Instant::now();
        victim.signal(Signal::SIGKILL);
        eventually("it is gone", || (!program.workers().contains(&victim)).then_some(()));
        at_full_strength(&program);
        took.push(killed.elapsed());
    }
    assert_eq!(descriptors(program.pid()).len(), at_first, "the master gains descriptors");
    let failures = clients.stop();
    assert!(failures.is_empty(), "{failures:?}");
    took.sort();
    println!("full strength after {:?}, {:?} at most", took[KILLS / 2], took[KILLS - 1]);
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// Waits until there are all workers of `web`.
fn at_full_strength(program: &Program) -> Vec<Worker> {
    eventually("all workers serve", || {
        let workers = program.workers_of("web");
        let serve = workers.iter().all(|worker| worker.serving_generation().is_some());
        (workers.len() == WORKERS && serve).then_some(workers)
    })
}

/// Clients that each stay with the worker that they have reached, as long as it lives.
struct Clients {
    victims: Arc<Mutex<BTreeSet<i32>>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<String>>>,
}

impl Clients {
    fn start(address: SocketAddr) -> Self {
        let victims = Arc::new(Mutex::new(BTreeSet::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let client = |_| {
            let (victims, stop) = (victims.clone(), stop.clone());
            std::thread::spawn(move || request_until(&stop, &victims, address))
        };
        let threads = (0..CLIENTS).map(client).collect();
        Self { victims, stop, threads }
    }

    /// From now on it is no failure to lose the connection to this worker.
    fn forget(&self, pid: i32) {
        self.victims.lock().expect("nobody panics with it").insert(pid);
    }

    /// Ends all of them; what went wrong.
    fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        let failures = self.threads.into_iter().map(|thread| thread.join().expect("no panic"));
        failures.flatten().collect()
    }
}

fn request_until(
    stop: &AtomicBool,
    victims: &Mutex<BTreeSet<i32>>,
    address: SocketAddr,
) -> Vec<String> {
    let mut failures = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let mut stream = connect(address).expect("the listeners are the master's");
        let mut worker = None;
        // A connection whose first request fails was taken by a worker that was killed, for all
        // that can be known: it had not told its name.
        while !stop.load(Ordering::Relaxed) {
            let answer = get_on(&mut stream, "/who").map(|reply| reply.text());
            let pid = answer.as_ref().ok().and_then(|text| text.split(' ').next()?.parse().ok());
            match (pid, worker) {
                (Some(pid), None) => worker = Some(pid),
                (Some(pid), Some(before)) if pid == before => {}
                (None, None) => break,
                (None, Some(pid)) if victims.lock().expect("no panic").contains(&pid) => break,
                _ => {
                    failures.push(format!("worker {worker:?}: {answer:?}"));
                    return failures;
                }
            }
        }
    }
    failures
}
