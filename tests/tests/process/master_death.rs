//! A master that is killed: no worker outlives it for long, and a new start is not hindered.

use crate::{WORKERS, fixture, free_address, with_pid_file};
use nix::sys::signal::Signal;
use runner_tests::{Program, connect, eventually, get, is_alive, read_reply, wait_until_gone};
use std::io::Write;
use std::time::Duration;

/// Idle workers go with their master (B42, P33, P35).
#[test]
fn idle_workers_go_with_their_master() {
    let program = fixture().spawn().ready();
    let workers = program.wait_for_workers(WORKERS, 1);
    program.signal(Signal::SIGKILL);
    for worker in workers {
        wait_until_gone(worker.pid, Duration::from_secs(10));
    }
    program.wait_for_nth("hook worker_stop", 2);
}

/// What is in flight is finished, like in any drain; nothing new is taken (B42).
#[test]
fn what_is_in_flight_survives_the_master() {
    let program = fixture().spawn().ready();
    let web = program.address("web");
    let mut busy = connect(web).unwrap();
    busy.write_all(b"GET /slow?1500 HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    crate::start_stop::await_request(&program);
    program.signal(Signal::SIGKILL);
    eventually("nobody listens", || connect(web).is_err().then_some(()));
    assert_eq!(read_reply(&mut busy).unwrap().text(), "slow\n");
}

/// A worker that cannot drain because a handler, or its constructor, blocks it is gone all the
/// same: it has wired its own end (B42, P34, P52).
#[test]
fn a_stuck_worker_does_not_survive_its_master() {
    for kind in ["handler", "sleep", "block"] {
        let start = fixture().env("RUNNER_SERVER_WEB__DRAIN_TIMEOUT", "1s");
        let program = if kind == "handler" {
            let program = start.spawn().ready();
            let mut stuck = connect(program.address("web")).unwrap();
            stuck.write_all(b"GET /block HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
            program.wait_for("blocking");
            program
        } else {
            let program = start.env("FIXTURE_WORKER", kind).spawn();
            program.wait_for_nth("hook worker_start", 2);
            program
        };
        let workers = program.workers();
        assert!(workers.len() >= 2, "{workers:?}");
        program.signal(Signal::SIGKILL);
        for worker in workers {
            wait_until_gone(worker.pid, Duration::from_secs(20));
        }
    }
}

/// A worker whose master dies during the fork notices it (P35). The kill comes at any moment of
/// the replacement of all workers.
#[test]
fn a_master_that_dies_while_it_forks_leaves_nobody() {
    for step in 0..15 {
        let program = fixture().spawn().ready();
        program.signal(Signal::SIGUSR1);
        let began = std::time::Instant::now();
        while began.elapsed() < Duration::from_micros(step * 800) {
            std::hint::spin_loop();
        }
        program.signal(Signal::SIGKILL);
        // Ends only when the last process that holds the streams has gone.
        let ended = program.finish();
        assert_eq!(ended.code, None, "{}", ended.text());
    }
}

/// After a kill of the master a new start works at once, with the same pid file and the same port
/// (B42, P34, P56). The old workers, if they still drain, do not take its connections.
#[test]
fn a_new_start_works_at_once() {
    let address = free_address().to_string();
    let start = |beside: Option<&Program>| {
        let start = with_pid_file();
        let start = match beside {
            Some(other) => start.beside(other),
            None => start,
        };
        start.env("RUNNER_SERVER_WEB__BIND", &address).spawn().ready()
    };
    let first = start(None);
    let old = first.wait_for_workers(WORKERS, 1);
    first.signal(Signal::SIGKILL);
    let second = start(Some(&first));
    let own: Vec<i32> = second.workers().iter().map(|worker| worker.pid).collect();
    for _ in 0..20 {
        let who = get(second.address("web"), "/who").unwrap().text();
        let pid: i32 = who.split(' ').next().unwrap().parse().unwrap();
        assert!(own.contains(&pid), "{pid} of {old:?} has answered");
    }
    let pid_file = second.directory().join("app.pid");
    assert_eq!(std::fs::read_to_string(pid_file).unwrap(), format!("{}\n", second.pid()));
    for worker in old {
        eventually("the old workers are gone", || (!is_alive(worker.pid)).then_some(()));
    }
}
