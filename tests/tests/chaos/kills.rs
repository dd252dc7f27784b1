//! Workers that are killed one after the other, while clients of the others notice nothing.

use crate::program;
use nix::sys::signal::Signal;
use runner_tests::{Pinned, Program, Random, Worker, children_of, descriptors, eventually};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const KILLS: usize = 100;
const WORKERS: usize = 8;
const CLIENTS: usize = 16;

/// How long a worker serves until its slot is filled at once if it is killed: a second, and a little.
const STABLE: Duration = Duration::from_millis(1200);

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
    let clients = Pinned::start(program.address("web"), CLIENTS);
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
        clients.doom(victim.pid);
        let killed = Instant::now();
        victim.signal(Signal::SIGKILL);
        eventually("it is gone", || {
            (!children_of(program.pid()).contains(&victim.pid)).then_some(())
        });
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
