//! Which workers new connections go to, and that none waits for a worker that does not come.

use crate::{fixture, settle};
use nix::sys::signal::Signal;
use runner_tests::{Raw, connect, eventually, get_on, limit_descriptors};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// While one slot of two is in a crash loop, the worker in the other answers everybody; when the
/// fault is mended, both do again (M2).
#[test]
fn nobody_waits_for_a_slot_that_backs_off() {
    let program = fixture().spawn().ready();
    let web = program.address("web");
    assert_eq!(answering(web, 50).len(), 2, "both slots get connections");

    let told = program.directory().join("fixture_worker");
    std::fs::write(&told, "abort").unwrap();
    program.workers_of("web")[0].signal(Signal::SIGKILL);
    // By then the next try is seconds away, and by far not the last.
    program.wait_for_nth("waiting before the next try", 5);
    let began = Instant::now();
    assert_eq!(answering(web, 200).len(), 1);
    println!("200 connections in {:?}", began.elapsed());

    std::fs::remove_file(&told).unwrap();
    settle(&program, 1);
    eventually("both slots get connections again", || {
        (answering(web, 20).len() == 2).then_some(())
    });
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// A worker that cannot be started by a master with threads leaves its slot empty for good; nobody
/// waits there either.
#[test]
fn nobody_waits_for_a_slot_that_stays_empty() {
    let program = fixture().env("FIXTURE_START", "thread").spawn().ready();
    program.workers_of("web")[0].signal(Signal::SIGKILL);
    program.wait_for("cannot fork");
    assert_eq!(answering(program.address("web"), 100).len(), 1);
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// A worker that drains without a free descriptor takes those who wait as soon as others leave.
#[test]
fn a_drain_without_descriptors_loses_nobody() {
    let program = fixture().env("RUNNER_SERVER_WEB__WORKERS", "1").spawn().ready();
    let web = program.address("web");
    limit_descriptors(program.workers_of("web")[0].pid, Some(3));
    let mut held: Vec<_> = (0..3).map(|_| connect(web).expect("a listener")).collect();
    for client in &mut held {
        assert_eq!(get_on(client, "/").unwrap().status, 200);
    }
    let waiting: Vec<_> =
        (0..20).map(|_| Raw::sending(web, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")).collect();
    program.wait_for("cannot accept, trying again");
    program.signal(Signal::SIGQUIT);
    for raw in waiting {
        let answer = raw.rest();
        assert!(answer.text().contains("hello"), "{answer:?}");
    }
    assert_eq!(program.finish().code, Some(0));
}

/// The pids of the workers that answer so many new connections, each of them soon.
fn answering(address: SocketAddr, connections: usize) -> BTreeSet<String> {
    let answer = |_| {
        let mut stream = connect(address).expect("a listener");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("an open socket");
        let reply = get_on(&mut stream, "/who").expect("an answer, soon");
        assert_eq!(reply.status, 200);
        reply.text().split(' ').next().unwrap_or_default().to_owned()
    };
    (0..connections).map(answer).collect()
}
