//! Taking connections when that is hard.

use crate::{dawdle, serving, worker_of};
use nix::sys::signal::Signal;
use runner_tests::{Raw, cpu_time, get, limit_descriptors};
use std::time::Duration;

/// The ways to share an address.
const SLOTS_AND_SHARED: [&str; 2] = ["--server.line.accept=slots", "--server.line.accept=shared"];

/// Out of descriptors, a worker keeps what it has, waits without spinning, and goes on when there
/// are some again (B43).
#[test]
fn a_worker_without_descriptors_recovers() {
    for accept in SLOTS_AND_SHARED {
        let program = serving(&[accept]);
        let worker = worker_of(&program, "line").pid;
        let address = program.address("line");
        let mut first = Raw::sending(address, "first");
        first.expect("first");

        limit_descriptors(worker, Some(5));
        let mut waiting: Vec<_> = (0..20).map(|_| Raw::sending(address, "here")).collect();
        program.wait_for("cannot accept, trying again");
        let before = cpu_time(worker);
        for _ in 0..10 {
            first.send("still served");
            first.expect("still served");
            dawdle(100);
        }
        let spent = cpu_time(worker) - before;
        assert!(spent < Duration::from_millis(200), "{spent:?} in a second");
        assert_eq!(worker_of(&program, "line").pid, worker);
        let complaints =
            program.output().iter().filter(|line| line.contains("cannot accept")).count();
        assert!(complaints <= 5, "{complaints} lines in a second");

        limit_descriptors(worker, None);
        waiting.iter_mut().for_each(|raw| raw.expect("here"));
    }
}

/// Closing connections makes room for those that wait, without any change of the limit (B43).
#[test]
fn freed_descriptors_are_used() {
    for accept in SLOTS_AND_SHARED {
        let program = serving(&[accept]);
        let worker = worker_of(&program, "line").pid;
        let address = program.address("line");
        let mut first = Raw::sending(address, "first");
        first.expect("first");
        limit_descriptors(worker, Some(3));
        for _ in 0..20 {
            // Each waits until the last ones are gone.
            let mut some: Vec<_> = (0..5).map(|_| Raw::sending(address, "here")).collect();
            while !some.is_empty() {
                some.remove(0).expect("here");
            }
        }
        program.wait_for("cannot accept, trying again");
    }
}

/// Connections that wait in the queue of a paused worker are served when it drains, not lost.
#[test]
fn a_drain_empties_the_queue() {
    for accept in SLOTS_AND_SHARED {
        let mut program = serving(&[accept]);
        let address = program.address("line");
        let mut pausing = Raw::sending(address, "pause worker:600000");
        pausing.expect("paused");
        let mut waiting: Vec<_> = (0..300).map(|_| Raw::sending(address, "queued")).collect();
        program.signal(Signal::SIGQUIT);
        program.wait_for("tcp drain");
        drop(pausing);
        for raw in &mut waiting {
            raw.expect("queued");
        }
        assert!(program.wait().success());
    }
}

/// A worker that is gone leaves its queue to its successor.
#[test]
fn a_killed_worker_loses_only_its_own_connections() {
    let program = serving(&[]);
    let web = program.address("web");
    let old = worker_of(&program, "web").pid;
    let gone = Raw::sending(web, "GET /slow?600000 HTTP/1.1\r\nHost: t\r\n\r\n");
    program.wait_for("slow begins");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(old), Signal::SIGKILL).expect("a worker");
    assert_eq!(get(web, "/").unwrap().status, 200);
    assert!(gone.rest().bytes.is_empty());
}
