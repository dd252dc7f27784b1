//! Ends of workers while clients are at it.

use crate::{dawdle, events, serving, worker_of};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use runner_tests::{Raw, connect, get, get_on, wait_until_gone};
use std::io::Read;
use std::time::{Duration, Instant};

/// Far less than the drain's deadline, which is 30 seconds.
const SOON: Duration = Duration::from_secs(10);

/// An idle connection may send what it was about to send, and is told that it is the last (B1).
#[test]
fn an_idle_connection_gets_one_more_answer() {
    let mut program = serving(&[]);
    let mut idle = connect(program.address("web")).unwrap();
    get_on(&mut idle, "/").unwrap();
    program.signal(Signal::SIGQUIT);
    program.wait_for("http drain");
    let last = get_on(&mut idle, "/").unwrap();
    assert_eq!((last.status, last.closes()), (200, true));
    assert_eq!(idle.read(&mut [0]).unwrap(), 0);
    assert!(program.wait().success());
}

/// Requests in flight, and pipelined ones of which only the first is answered (B1).
#[test]
fn requests_in_flight_finish() {
    for pipelined in ["", "GET / HTTP/1.1\r\nHost: t\r\n\r\n"] {
        let mut program = serving(&[]);
        let request = format!("GET /slow?800 HTTP/1.1\r\nHost: t\r\n\r\n{pipelined}");
        let raw = Raw::sending(program.address("web"), request);
        program.wait_for("slow begins");
        program.signal(Signal::SIGQUIT);
        let rest = raw.rest();
        let text = rest.text().to_lowercase();
        assert_eq!(rest.error, None, "{text}");
        assert!(text.contains("connection: close") && text.ends_with("\r\n\r\nslow\n"), "{text}");
        assert!(program.wait().success());
    }
}

/// A head of which a part has come is waited for (B1).
#[test]
fn a_head_in_pieces_outlasts_the_grace() {
    let program = serving(&[]);
    let mut raw = Raw::sending(program.address("web"), "GET / HTTP/1.1\r\nHo");
    program.wait_for("http connect 1");
    program.signal(Signal::SIGQUIT);
    program.wait_for("http drain");
    dawdle(1000);
    raw.send("st: t\r\n\r\n");
    let text = raw.rest().text().to_lowercase();
    assert!(text.starts_with("http/1.1 200") && text.contains("connection: close"), "{text}");
}

/// 20 MB reach a slow reader whole, on a stop and on a reload (B1).
#[test]
fn a_large_answer_arrives_whole() {
    for (signal, path) in [
        (Signal::SIGQUIT, "/big?20000000"),
        (Signal::SIGUSR2, "/big?20000000"),
        (Signal::SIGQUIT, "/stream?320"),
    ] {
        let program = serving(&[]);
        let worker = worker_of(&program, "web").pid;
        let request = format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n");
        let mut raw = Raw::sending(program.address("web"), request);
        let head = raw.head();
        program.signal(signal);
        program.wait_for("http drain");
        let mut came = 0;
        let mut piece = vec![0; 1 << 20];
        for read in 0.. {
            let length = raw.stream().read(&mut piece).unwrap();
            if length == 0 {
                break;
            }
            came += length;
            // Slower than the grace of an idle connection.
            dawdle(if read < 10 { 100 } else { 1 });
        }
        let least = if head.contains("chunked") { 320 * 65_536 } else { 20_000_000 };
        assert!(least <= came && came < least + 10_000, "{signal} {path}: {came}");
        wait_until_gone(worker, SOON);
    }
}

/// Nobody waits for nothing: not for nobody, not for an idle client, not for a silent one.
#[test]
fn a_drain_ends_when_nothing_is_in_flight() {
    for clients in [0, 1, 2] {
        let mut program = serving(&["--server.web.header_timeout=60s"]);
        let web = program.address("web");
        let mut open: Vec<_> = (0..clients).map(|_| connect(web).unwrap()).collect();
        if let Some(first) = open.first_mut() {
            get_on(first, "/").unwrap();
        }
        if clients == 2 {
            // A silent connection is accepted after about a second.
            program.wait_for("http connect 2");
        }
        let began = Instant::now();
        program.signal(Signal::SIGQUIT);
        assert!(program.wait().success());
        assert!(began.elapsed() < SOON, "{clients} clients: {:?}", began.elapsed());
    }
}

/// The deadline cuts off what is left, and `close` and `worker_stop` fire all the same.
#[test]
fn the_deadline_ends_what_hangs() {
    for (signal, option) in [
        (Signal::SIGQUIT, "--server.web.drain_timeout=400ms"),
        (Signal::SIGTERM, "--server.web.drain_timeout=60s"),
    ] {
        let mut program = serving(&[option]);
        let raw =
            Raw::sending(program.address("web"), "GET /slow?600000 HTTP/1.1\r\nHost: t\r\n\r\n");
        program.wait_for("slow begins");
        let began = Instant::now();
        program.signal(signal);
        assert_eq!(raw.rest().text(), "");
        program.wait();
        assert!(began.elapsed() < SOON, "{signal}: {:?}", began.elapsed());
        program.wait_for("http worker_stop");
        let mut events = events(&program, "http ");
        events.retain(|event| event != "drain");
        assert_eq!(events, ["connect 1", "close 1", "worker_stop"], "{signal}");
    }
}

/// What is open at the deadline is told: how much, who the oldest are and what they do. A response
/// that is still being produced is one of them (P61).
#[test]
fn what_is_left_at_the_deadline_is_told() {
    let program = serving(&["--server.web.drain_timeout=400ms"]);
    let web = program.address("web");
    let slow = Raw::sending(web, "GET /slow?600000 HTTP/1.1\r\nHost: t\r\n\r\n");
    program.wait_for("slow begins");
    let mut stream = Raw::sending(web, "GET /stream?1000000 HTTP/1.1\r\nHost: t\r\n\r\n");
    assert!(stream.head().contains("chunked"));
    program.signal(Signal::SIGQUIT);
    let told = program.wait_for("left connections at the deadline");
    let (first, second) = told.split_once(';').expect("two connections");
    assert!(first.contains("open=2") && first.contains("GET /slow"), "{told}");
    assert!(first.contains(&slow.address().to_string()), "{told}");
    assert!(second.contains(&format!("{} for ", stream.address())), "{told}");
    assert!(second.contains("GET /stream"), "{told}");
}

/// A worker whose master is gone drains: what is in flight is whole.
#[test]
fn requests_outlive_the_master() {
    let program = serving(&[]);
    let worker = worker_of(&program, "web").pid;
    let mut raw = Raw::sending(program.address("web"), "GET /slow?500 HTTP/1.1\r\nHost: t\r\n\r\n");
    program.wait_for("slow begins");
    kill(Pid::from_raw(program.pid()), Signal::SIGKILL).expect("the master runs");
    let head = raw.head();
    assert!(head.contains("connection: close"), "{head}");
    raw.expect("slow\n");
    wait_until_gone(worker, SOON);
}

/// A reload in the middle of requests on a connection only ends it between two of them.
#[test]
fn a_reload_answers_the_last_request_of_each_connection() {
    let program = serving(&[]);
    let web = program.address("web");
    let mut kept = connect(web).unwrap();
    let old = get_on(&mut kept, "/who").unwrap().text();
    program.signal(Signal::SIGUSR2);
    program.wait_for("http drain");
    let last = get_on(&mut kept, "/who").unwrap();
    assert_eq!((last.text(), last.closes()), (old.clone(), true));
    assert_ne!(get(web, "/who").unwrap().text(), old);
}
