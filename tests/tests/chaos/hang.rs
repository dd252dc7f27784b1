//! Workers that hang, and those that only stand still because everything does.

use crate::program;
use nix::sys::signal::Signal;
use runner_tests::{Program, Worker, connect, eventually, get};
use std::collections::BTreeSet;
use std::io::Write;
use std::time::{Duration, Instant};

/// How old the last sign of life of a worker may get.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(2);

/// How much longer it may take until another worker serves in its place; on a machine that has
/// nothing else to do it is less than a second.
const REPLACED_WITHIN: Duration = Duration::from_secs(4);

/// How long everything stands still, and how much longer the workers do: less than what makes one
/// that hangs, more than a second look takes.
const PAUSE: Duration = Duration::from_secs(5);
const LATER: Duration = Duration::from_millis(500);

/// A worker in a busy loop and one that is blocked in a system call are replaced soon after their
/// last sign of life; their sibling is not (P52).
#[test]
fn hung_workers_are_replaced() {
    let program = with_heartbeats();
    let before = program.wait_for_workers(WORKERS, 1);
    let mut stuck = BTreeSet::new();
    let began = Instant::now();
    let mut held = Vec::new();
    for path in ["/spin", "/block"] {
        let pid = eventually("a worker that is not stuck answers", || {
            let mut client = connect(program.address("web")).ok()?;
            // Another request on a connection goes to the worker that has answered the first.
            client.set_read_timeout(Some(Duration::from_millis(500))).ok()?;
            let pid = runner_tests::get_on(&mut client, "/who").ok()?.text();
            let pid = pid.split(' ').next()?.parse::<i32>().ok()?;
            write!(client, "GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").ok()?;
            held.push(client);
            Some(pid)
        });
        assert!(stuck.insert(pid), "{pid} is stuck and answers");
    }
    let after = eventually("both are replaced", || {
        let workers = program.workers();
        let serve = workers.iter().all(|worker| worker.serving_generation().is_some());
        let left = workers.iter().any(|worker| stuck.contains(&worker.pid));
        (serve && !left && workers.len() == WORKERS).then_some(workers)
    });
    let took = began.elapsed();
    println!("replaced after {took:?}, of which {HEARTBEAT_TIMEOUT:?} are the limit");
    assert!(took >= HEARTBEAT_TIMEOUT - HEARTBEAT_TIMEOUT / 4, "{took:?}");
    assert!(took < HEARTBEAT_TIMEOUT + REPLACED_WITHIN, "{took:?}");
    assert_eq!(pids(&before).intersection(&pids(&after)).count(), WORKERS - 2);
    assert_eq!(program.count("worker hangs"), 2, "{}", program.output().join("\n"));
    assert_eq!(get(program.address("web"), "/who").unwrap().status, 200);
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// The master and all workers stand still for longer than any sign of life may take, as in a virtual
/// machine that is suspended: nobody is replaced.
#[test]
fn a_pause_of_everything_replaces_nobody() {
    let program = with_heartbeats();
    let before = program.wait_for_workers(WORKERS, 1);
    program.signal(Signal::SIGSTOP);
    before.iter().for_each(|worker| worker.signal(Signal::SIGSTOP));
    pass(PAUSE);
    // The master is the first to go on, and looks at workers that have not moved yet.
    program.signal(Signal::SIGCONT);
    program.wait_for("the master did not run");
    pass(LATER);
    before.iter().for_each(|worker| worker.signal(Signal::SIGCONT));
    pass(HEARTBEAT_TIMEOUT + Duration::from_secs(1));
    assert_eq!(program.workers(), before);
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// Three workers of `web` and one of `echo`.
const WORKERS: usize = 4;

fn with_heartbeats() -> Program {
    program()
        .env("RUNNER_SERVER_WEB__HEARTBEAT_TIMEOUT", "2s")
        .env("RUNNER_SERVER_ECHO__HEARTBEAT_TIMEOUT", "2s")
        .env("RUNNER_SERVER_ECHO__WORKERS", "1")
        .spawn()
        .ready()
}

fn pids(workers: &[Worker]) -> BTreeSet<i32> {
    workers.iter().map(|worker| worker.pid).collect()
}

/// Here it is the time itself that is waited for.
fn pass(time: Duration) {
    let began = Instant::now();
    eventually("the time has passed", || (began.elapsed() >= time).then_some(()));
}
