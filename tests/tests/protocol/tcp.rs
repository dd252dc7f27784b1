//! What comes and goes on tcp connections, and in which order events say so.

use crate::{dawdle, events, serving, worker_of};
use nix::sys::signal::Signal;
use runner_tests::{Program, Raw, cpu_time, eventually};
use std::io::Read;
use std::time::{Duration, Instant};

/// Far less than the limits that must not apply.
const SOON: Duration = Duration::from_secs(8);

fn line(program: &Program) -> Raw {
    Raw::to(program.address("line"))
}

/// Asks and waits for the answer.
fn ask(raw: &mut Raw, command: &str, answer: &str) {
    raw.send(command);
    raw.expect(answer);
}

/// Whatever the pieces, each byte comes back once, in order (B9).
#[test]
fn every_byte_is_delivered_once() {
    let program = serving(&[]);
    let data: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    for piece in [1, 7, 1000, 64 * 1024, data.len()] {
        let sent = data[..data.len().min(piece * 2000)].to_vec();
        let mut raw = line(&program);
        let mut sender = Raw::sharing(&mut raw);
        let pieces = sent.clone();
        let sending = std::thread::spawn(move || {
            pieces.chunks(piece).for_each(|piece| sender.send(piece));
            sender.end();
        });
        let rest = raw.rest();
        sending.join().expect("everything was sent");
        assert_eq!(rest.error, None);
        assert!(rest.bytes == sent, "{piece}: {} of {}", rest.bytes.len(), sent.len());
    }
}

#[test]
fn events_come_once_and_in_order() {
    for (command, expected, came) in [
        ("hello", &["connect 1", "close 1"][..], "hello"),
        ("error", &["connect 1", "error 1 told to fail", "close 1"], "sorry"),
        ("panic", &["connect 1", "error 1 panicked: told to panic", "close 1"], "sorry"),
        ("close:3", &["connect 1", "refused true", "close 1"], "xxx"),
        ("close_now:3", &["connect 1", "handler done", "close 1"], "xxx"),
    ] {
        let program = serving(&[]);
        let before = worker_of(&program, "line").pid;
        let mut raw = Raw::sending(program.address("line"), command);
        raw.expect(came);
        if command == "hello" {
            raw.end();
        }
        assert_eq!(raw.rest().text(), "", "{command}");
        program.wait_for("tcp close 1");
        assert_eq!(events(&program, "tcp "), expected, "{command}");
        ask(&mut line(&program), "still there", "still there");
        assert_eq!(worker_of(&program, "line").pid, before);
    }
}

/// What was sent before `close` arrives, however slowly it is read; `close` waits for it (B1).
#[test]
fn a_close_sends_what_waits() {
    let program = serving(&[]);
    let mut raw = Raw::sending(program.address("line"), "close:16000000");
    program.wait_for("tcp refused true");
    for piece in 0..16 {
        if piece % 4 == 0 {
            dawdle(300);
        }
        if piece < 3 {
            let events = events(&program, "tcp ");
            assert!(!events.contains(&"close 1".to_owned()), "{events:?}");
        }
        assert_eq!(raw.take(1_000_000).len(), 1_000_000);
    }
    assert_eq!(raw.rest().text(), "");
    program.wait_for("tcp close 1");
}

/// A connection closed at once does not wait for its client.
#[test]
fn close_now_drops_what_waits() {
    let program = serving(&[]);
    let raw = Raw::sending(program.address("line"), "close_now:64000000");
    program.wait_for("tcp close 1");
    assert!(raw.rest().bytes.len() < 64_000_000);
}

/// A client that only ends its own side still gets its answer.
#[test]
fn half_closed_connections_are_answered() {
    let program = serving(&[]);
    let mut raw = Raw::sending(program.address("line"), "slow:300");
    raw.end();
    let rest = raw.rest();
    assert_eq!((rest.text().as_str(), rest.error), ("slow", None));
    program.wait_for("tcp close 1");
}

/// A client that breaks off, idle, with input or with output pending, costs one `close` and no CPU
/// (B25, B48).
#[test]
fn resets_end_connections_and_nothing_else() {
    let program = serving(&[]);
    let worker = worker_of(&program, "line").pid;
    for (id, command) in [(1, "hello"), (2, "send:10000"), (3, "flood:300"), (4, "slow:300")] {
        let mut raw = Raw::sending(program.address("line"), command);
        match command {
            "send:10000" => drop(program.wait_for("tcp sent 16")),
            "flood:300" => drop(program.wait_for("tcp full")),
            "slow:300" => drop(program.wait_for("tcp slow begins")),
            _ => raw.expect("hello"),
        }
        raw.reset();
        program.wait_for(&format!("tcp close {id}"));
    }
    let came = events(&program, "tcp ");
    for id in 1..=4 {
        let count = |event: &str| came.iter().filter(|came| came.starts_with(event)).count();
        assert_eq!(count(&format!("close {id}")), 1, "{came:?}");
        assert!(count(&format!("error {id}")) <= 1, "{came:?}");
    }
    // The handlers were at work when their clients went away, and they were let finish.
    assert!(came.contains(&"slow ends".to_owned()), "{came:?}");
    assert!(came.contains(&"flood ends".to_owned()), "{came:?}");
    let before = cpu_time(worker);
    dawdle(500);
    ask(&mut line(&program), "alive", "alive");
    assert!(cpu_time(worker) - before < Duration::from_millis(100));
}

/// Closing connections while walking over them skips none (B29).
#[test]
fn all_others_are_closed() {
    let program = serving(&[]);
    let mut others: Vec<_> = (0..50).map(|_| line(&program)).collect();
    for other in &mut others {
        ask(other, "here", "here");
    }
    let mut last = line(&program);
    ask(&mut last, "close others", "51");
    for other in others {
        let rest = other.rest();
        assert_eq!((rest.text().as_str(), rest.error), ("", None));
    }
    for id in 1..=50 {
        program.wait_for(&format!("tcp close {id}"));
    }
    eventually("only one is left", || {
        last.send("close others");
        (last.text() == "1").then_some(())
    });
}

/// A paused connection hears nothing until it is resumed, and then everything; others go on, and
/// waiting costs no CPU (B24).
#[test]
fn a_pause_holds_back_what_comes() {
    const PAUSE: Duration = Duration::from_millis(1500);
    for (command, others_wait) in [("pause:1500", false), ("pause worker:1500", true)] {
        let program = serving(&[]);
        let worker = worker_of(&program, "line").pid;
        let mut other = line(&program);
        ask(&mut other, "before", "before");
        let mut raw = line(&program);
        let began = Instant::now();
        ask(&mut raw, command, "paused");
        let before = cpu_time(worker);
        raw.send("one ");
        raw.send("two");
        other.send("other");
        let mut late = Raw::sending(program.address("line"), "late");
        other.expect("other");
        late.expect("late");
        assert_eq!(PAUSE <= began.elapsed(), others_wait, "{command}");
        raw.expect("one two");
        assert!(PAUSE <= began.elapsed(), "{command}: {:?}", began.elapsed());
        let spent = cpu_time(worker) - before;
        assert!(spent < Duration::from_millis(200), "{command}: {spent:?}");
    }
}

/// A pause does not hold up a drain, and a drain does not make it spin.
#[test]
fn a_paused_connection_ends_in_a_drain() {
    for command in ["pause:600000", "pause worker:600000"] {
        let mut program = serving(&[]);
        let mut raw = line(&program);
        ask(&mut raw, command, "paused");
        raw.send("never read");
        let began = Instant::now();
        program.signal(Signal::SIGQUIT);
        program.wait_for("tcp close 1");
        assert!(program.wait().success());
        assert!(began.elapsed() < SOON, "{command}: {:?}", began.elapsed());
    }
}

#[test]
fn the_last_receive_is_remembered() {
    let program = serving(&[]);
    let mut raw = line(&program);
    ask(&mut raw, "hello", "hello");
    raw.send("idle:200");
    let idle: u64 = raw.text().parse().expect("a number");
    assert!((195..5000).contains(&idle), "{idle}");
}

/// What was received is answered and flushed when a drain begins, and then connections close (B1).
#[test]
fn a_drain_finishes_what_was_received() {
    for signal in [Signal::SIGQUIT, Signal::SIGUSR2] {
        let program = serving(&[]);
        let mut idle = line(&program);
        ask(&mut idle, "hello", "hello");
        let mut slow = Raw::sending(program.address("line"), "slow:800");
        let mut big = Raw::sending(program.address("line"), "send:160");
        program.wait_for("tcp slow begins");
        program.wait_for("tcp sent 0");
        program.signal(signal);
        program.wait_for("tcp drain");
        assert_eq!(idle.rest().text(), "");
        dawdle(300);
        let mut all = Vec::new();
        big.stream().read_to_end(&mut all).expect("all of it");
        assert_eq!(all.len(), 160 * 64 * 1024);
        slow.expect("slow");
        let rest = slow.rest();
        assert_eq!((rest.text().as_str(), rest.error), ("", None));
    }
}
