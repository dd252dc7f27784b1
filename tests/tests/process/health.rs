//! What a worker does for its health: what it shows of itself, and what it says when it dies.

use crate::{WORKERS, fixture, settle};
use nix::sys::signal::Signal;
use runner_tests::{
    Program, connect, descriptors, eventually, get, proc_status, signal_mask, threads_of,
};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::TcpStream;

/// A worker that is stuck, in a system call or in a loop, on its only thread or on one of several,
/// tells where when it is aborted, before it ends by that signal (P52).
#[test]
fn a_stuck_worker_tells_where() {
    for (path, threads, says, function) in [
        ("/block", "1", "blocking", "block"),
        ("/spin", "1", "spinning", "spin"),
        ("/spin", "2", "spinning", "spin"),
    ] {
        let program = one_worker().env("RUNNER_SERVER_WEB__THREADS", threads).spawn().ready();
        let worker = &program.workers_of("web")[0];
        let _stuck = request(&program, path);
        program.wait_for(says);
        worker.signal(Signal::SIGABRT);
        let line = program.wait_for("ended: crashed");
        assert!(line.contains("SIGABRT"), "{line}");
        let own = std::process::id();
        let told = format!("worker web 0/1 (pid {}) aborted by process {own}", worker.pid);
        assert_eq!(program.count(&told), 1, "{}", program.output().join("\n"));
        assert!(names(&program, function), "{}", program.output().join("\n"));
        // Each thread tells it twice: in short, for certain, and with names, if all goes well.
        let tellings = 2 * (1 + if threads == "2" { 2 } else { 0 });
        assert_eq!(program.count("thread web ("), tellings, "{}", program.output().join("\n"));
        program.wait_for_workers(2, 1);
    }
}

/// A worker that aborts by itself tells where, and one whose stack has overflowed at least by
/// addresses; it dies of that signal all the same.
#[test]
fn a_worker_that_aborts_tells_where() {
    for (path, function) in [("/abort", Some("abort_deep_down")), ("/overflow", None)] {
        let program = one_worker().spawn().ready();
        let worker = &program.workers_of("web")[0];
        assert!(get(program.address("web"), path).is_err());
        let line = program.wait_for("ended: crashed");
        assert!(line.contains("SIGABRT"), "{line}");
        let told = format!("worker web 0/1 (pid {}) aborted itself", worker.pid);
        assert_eq!(program.count(&told), 1, "{}", program.output().join("\n"));
        assert!(program.count("thread web (") > 0, "{}", program.output().join("\n"));
        let named = function.is_none_or(|function| names(&program, function));
        assert!(named, "{}", program.output().join("\n"));
    }
}

/// A panic is logged once, with its place in the code and the worker it happened in (P59).
#[test]
fn a_panic_is_logged_with_its_worker() {
    let start = one_worker().env("RUNNER_SERVER_WEB__STDERR", "web.log").env("RUST_BACKTRACE", "0");
    let program = start.spawn().ready();
    let pid = program.workers_of("web")[0].pid;
    assert_eq!(get(program.address("web"), "/panic").unwrap().status, 500);
    let log = program.directory().join("web.log");
    let panics = eventually("it is logged", || {
        let log = fs::read_to_string(&log).ok()?;
        let panics: Vec<_> =
            log.lines().filter(|line| line.contains("fixture.rs")).map(str::to_owned).collect();
        (!panics.is_empty()).then_some(panics)
    });
    assert_eq!(panics.len(), 1, "{panics:?}");
    for part in ["ERROR", "told to panic", "\"web\"", "slot=0", "generation=1", "location="] {
        assert!(panics[0].contains(part), "no {part}: {}", panics[0]);
    }
    assert!(panics[0].contains(&format!("pid={pid} ")), "{}", panics[0]);
    assert_eq!(program.count("panicked at"), 0, "{}", program.output().join("\n"));
}

/// No worker has the random numbers of another, even if the master has drawn some before it forked
/// them (P43).
#[test]
fn random_numbers_differ_in_every_worker() {
    let program = fixture().env("RUNNER_SERVER_WEB__WORKERS", "4").spawn().ready();
    let mut numbers = BTreeSet::new();
    for generation in 1..=3 {
        let workers = program.wait_for_workers(5, generation);
        let slots: BTreeSet<_> = workers.iter().map(|worker| worker.pid).collect();
        let mut asked = BTreeSet::new();
        eventually("every worker has answered", || {
            // The same connection, so that both answers are of one worker.
            let mut stream = connect(program.address("web")).ok()?;
            let who = runner_tests::get_on(&mut stream, "/who").ok()?.text();
            let pid: i32 = who.split(' ').next()?.parse().ok()?;
            let number = runner_tests::get_on(&mut stream, "/random").ok()?.text();
            if slots.contains(&pid) && asked.insert(pid) {
                assert!(numbers.insert(number.clone()), "{number} again, from {pid}");
            }
            (asked.len() == 4).then_some(())
        });
        program.signal(Signal::SIGUSR2);
    }
}

/// The thread that only waits takes no signal from those who can act upon it, nor its name from
/// the process.
#[test]
fn the_main_thread_of_a_worker_only_waits() {
    let program = fixture().env("RUNNER_SERVER_WEB__THREADS", "2").spawn().ready();
    settle(&program, 1);
    for worker in program.workers() {
        let blocked = signal_mask(worker.pid, "SigBlk");
        for signal in [Signal::SIGTERM, Signal::SIGQUIT, Signal::SIGABRT] {
            assert_ne!(blocked & (1 << (signal as u32 - 1)), 0, "{worker:?} {signal}");
        }
        assert_eq!(proc_status(worker.pid)["Name"], worker.title);
        for thread in &threads_of(worker.pid)[1..] {
            assert_eq!(proc_status(*thread)["Name"], worker.server());
        }
    }
}

/// What a worker does stands in memory that its master sees, and no other worker.
#[test]
fn a_worker_shows_its_master_what_it_does() {
    let program = fixture().spawn().ready();
    let workers = program.wait_for_workers(WORKERS, 1);
    assert_eq!(rows(program.pid()).len(), WORKERS);
    get(program.address("web"), "/who?secret").unwrap();
    let asked = |row: &Vec<u8>| row.windows(9).any(|bytes| bytes == b"GET /who\0");
    assert_eq!(rows(program.pid()).iter().filter(|row| asked(row)).count(), 1);
    let own: Vec<_> = workers.iter().map(|worker| rows(worker.pid)).collect();
    assert!(own.iter().all(|rows| rows.len() == 1));
    assert_eq!(own.iter().filter(|rows| asked(&rows[0])).count(), 1);
}

/// A worker whose configuration is wrong ends the start with its reason.
#[test]
fn a_worker_can_be_misconfigured() {
    let ended = one_worker().env("FIXTURE_WORKER", "configuration").run();
    assert_eq!(ended.code, Some(1), "{}", ended.text());
    let reason = "0/1: no such database";
    assert!(ended.lines.iter().any(|line| line.contains(reason)), "{}", ended.text());
}

fn one_worker() -> runner_tests::Start {
    fixture().env("RUNNER_SERVER_WEB__WORKERS", "1")
}

fn request(program: &Program, path: &str) -> TcpStream {
    let mut stream = connect(program.address("web")).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    stream
}

/// Whether a function is in a backtrace with names, ` 12: fixture::spin` or without its path.
fn names(program: &Program, function: &str) -> bool {
    let lines = program.output();
    let mut frames = lines.iter().filter_map(|line| line.split_once(": "));
    frames.any(|(number, name)| {
        number.trim().parse::<u32>().is_ok() && name.rsplit("::").next() == Some(function)
    })
}

/// The rows of workers that a process holds.
fn rows(pid: i32) -> Vec<Vec<u8>> {
    let is_row = |(_, target): &(u32, String)| target.starts_with("/memfd:runner");
    let numbers = descriptors(pid).into_iter().filter(is_row).map(|(number, _)| number);
    numbers.map(|number| fs::read(format!("/proc/{pid}/fd/{number}")).unwrap()).collect()
}
