//! More and fewer workers while the program runs.

use crate::{WORKERS, fixture};
use nix::sys::signal::Signal;
use runner_tests::{children_of, eventually, get, load};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// What was set last holds, through reloads and restarts (P39).
#[test]
fn one_more_and_one_fewer() {
    let program = fixture().spawn().ready();
    program.signal(Signal::SIGTTIN);
    program.wait_for_workers(WORKERS + 2, 1);
    for (generation, signal) in [(2, Signal::SIGUSR2), (3, Signal::SIGUSR1)] {
        program.signal(signal);
        program.wait_for_workers(WORKERS + 2, generation);
    }
    for fewer in [2, 1, 1] {
        program.signal(Signal::SIGTTOU);
        eventually("there are fewer", || (program.workers_of("web").len() == fewer).then_some(()));
    }
    eventually("one is left of each", || (program.workers().len() == 2).then_some(()));
    assert_eq!(get(program.address("web"), "/").unwrap().status, 200);
    // Their places are taken again, with the sockets that were kept for them.
    for more in [2, 3] {
        program.signal(Signal::SIGTTIN);
        program.wait_for_workers(more + more, 3);
    }
}

/// New connections are steered away before a worker goes.
#[test]
fn scaling_loses_nobody() {
    let program = fixture().spawn().ready();
    let address = program.address("web");
    let clients = load(address, 4);
    for _ in 0..3 {
        program.signal(Signal::SIGTTIN);
        program.wait_for_workers(WORKERS + 2, 1);
        program.signal(Signal::SIGTTOU);
        eventually("the surplus is gone", || {
            (children_of(program.pid()).len() == WORKERS).then_some(())
        });
        let answered = clients.answered();
        eventually("it goes on", || (answered < clients.answered()).then_some(()));
    }
    assert_eq!(clients.stop(), [""; 0]);
}

/// Connections wait, so there are too few.
#[test]
fn a_server_with_a_range_grows_by_load() {
    let program = fixture().env("RUNNER_SERVER_WEB__WORKERS", "1..=3").spawn().ready();
    assert_eq!(program.workers_of("web").len(), 1);
    let address = program.address("web");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let _ = get(address, "/nap?200");
                }
            });
        }
        eventually("it has grown", || (program.workers_of("web").len() == 3).then_some(()));
        done.store(true, Ordering::Relaxed);
    });
    assert!(program.wait_for("by_load=true").contains("from=1 to=2"));
    program.signal(Signal::SIGTTIN);
    program.signal(Signal::SIGTTOU);
    // It stays within its range.
    let scaled = program.wait_for("by_load=false");
    assert!(scaled.contains("from=1 to=2") || scaled.contains("from=3 to=2"), "{scaled}");
}
