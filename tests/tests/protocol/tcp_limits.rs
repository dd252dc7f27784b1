//! Limits of memory and number on tcp connections.

use crate::{events, serving, worker_of};
use runner_tests::{Raw, memory};

/// What `try_send` takes for a client that does not read is limited, and what is taken arrives (B16).
#[test]
fn a_full_outbox_says_so() {
    let program = serving(&[]);
    let mut raw = Raw::sending(program.address("line"), "flood");
    let line = program.wait_for("tcp full");
    let [sent, queued] = numbers(&line)[..] else {
        panic!("{line}");
    };
    assert!((960 * 1024..=1024 * 1024).contains(&queued), "{line}");
    let taken = sent * 64 * 1024;
    assert_eq!(raw.take(taken).len(), taken);
    raw.send("again");
    raw.expect("again");
}

/// Ten clients that never read leave the memory of the worker bounded (B16).
#[test]
fn clients_that_never_read_cost_little() {
    let program = serving(&[]);
    let worker = worker_of(&program, "line").pid;
    let before = memory(worker);
    let stuck: Vec<_> =
        (0..10).map(|_| Raw::sending(program.address("line"), "send:100000")).collect();
    program.wait_for_nth("tcp sent 16", stuck.len());
    let mut other = Raw::sending(program.address("line"), "hello");
    other.expect("hello");
    let more = memory(worker).saturating_sub(before);
    assert!(more < 24 << 20, "{more} bytes for {} clients", stuck.len());
    assert!(!program.output().contains(&"tcp sent all".to_owned()));
}

/// `send` waits for a slow client and goes on with it.
#[test]
fn sending_waits_for_the_client() {
    let program = serving(&[]);
    let mut raw = Raw::sending(program.address("line"), "send:320");
    program.wait_for("tcp sent 16");
    assert!(!program.output().contains(&"tcp sent all".to_owned()));
    for _ in 0..320 {
        assert_eq!(raw.take(64 * 1024).len(), 64 * 1024);
    }
    program.wait_for("tcp sent all");
    raw.send("done");
    raw.expect("done");
}

/// No `receive` gets more than the buffer holds, and the buffer is used (B12).
#[test]
fn a_receive_gets_no_more_than_the_buffer() {
    for (option, limit) in [("1KiB", 1024), ("3000B", 3000), ("64KiB", 65536)] {
        let program = serving(&[&format!("--server.line.receive_buffer={option}")]);
        let data = vec![b'.'; 1 << 20];
        let mut raw = Raw::to(program.address("line"));
        let mut sender = Raw::sharing(&mut raw);
        let all = data.clone();
        let sending = std::thread::spawn(move || sender.send(all));
        assert_eq!(raw.take(data.len()), data);
        sending.join().expect("everything was sent");
        raw.send("longest");
        let longest: usize = raw.text().parse().expect("a number");
        assert!((limit / 2..=limit).contains(&longest), "{option}: {longest}");
    }
}

/// Beyond the limit there is a word, and after a close there is room again.
#[test]
fn connections_beyond_the_limit_are_told() {
    let program = serving(&["--server.line.max_connections=2"]);
    let address = program.address("line");
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut raw = Raw::sending(address, "hello");
        raw.expect("hello");
        open.push(raw);
    }
    for _ in 0..3 {
        let rest = Raw::sending(address, "ignored").rest();
        assert_eq!((rest.text().as_str(), rest.error), ("full", None));
    }
    drop(open.pop());
    program.wait_for("tcp close");
    let mut next = Raw::sending(address, "hello");
    next.expect("hello");
    program.wait_for("tcp connect 6");
    let events = events(&program, "tcp ");
    let expected = ["connect 1", "connect 2", "full", "full", "full", "close 2", "connect 6"];
    assert_eq!(events, expected);
}

/// Everybody beyond the limit at once: some are told, all are closed, and the server goes on.
#[test]
fn a_crowd_beyond_the_limit_is_closed() {
    let program = serving(&["--server.line.max_connections=1"]);
    let address = program.address("line");
    let mut open = Raw::sending(address, "hello");
    open.expect("hello");
    let crowd: Vec<_> = (0..200).map(|_| Raw::to(address)).collect();
    let told = crowd.into_iter().map(Raw::rest).filter(|rest| rest.text() == "full");
    assert!((64..=200).contains(&told.count()));
    open.send("still here");
    open.expect("still here");
}

fn numbers(line: &str) -> Vec<usize> {
    line.split(' ').filter_map(|word| word.parse().ok()).collect()
}
