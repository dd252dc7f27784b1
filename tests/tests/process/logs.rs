//! Log files that are moved away and reopened.

use crate::{WORKERS, fixture};
use nix::sys::signal::Signal;
use nix::unistd::Uid;
use runner_tests::{
    connect, descriptors, eventually, get, get_on, limit_descriptors, read_reply, state_of,
};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, ScopedJoinHandle};

/// Lines of several workers, moved away under load again and again: each line is there once, and
/// nothing goes into the old file after the log says that it was reopened. The workers may neither
/// write the file nor enter its directory, where the test runs as root (P54, P55).
#[test]
fn a_rotation_loses_no_line() {
    let user = if Uid::effective().is_root() { "nobody" } else { "" };
    let mut start = fixture().env("RUNNER_SERVER_WEB__STDOUT", "web.log");
    if user.is_empty() {
        println!("as an ordinary user the workers have the rights of the master");
    } else {
        start = start.env("RUNNER_SERVER_WEB__USER", user);
    }
    let program = start.spawn().ready();
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let log = program.directory().join("web.log");
    let mut old = Vec::new();
    thread::scope(|scope| {
        // Also when the test fails, for all clients are waited for.
        let stopping = SetOnDrop(&stop);
        let load = |_| scope.spawn(|| print_numbers(program.address("web"), &next, &stop));
        let clients: Vec<ScopedJoinHandle<'_, ()>> = (0..4).map(load).collect();
        let printed = |more: u64| {
            let until = next.load(Ordering::Relaxed) + more;
            eventually("numbers are printed", || {
                assert!(!clients.iter().any(ScopedJoinHandle::is_finished), "a client failed");
                (next.load(Ordering::Relaxed) >= until).then_some(())
            });
        };
        for round in 1..=8 {
            printed(50);
            let moved = program.directory().join(format!("web.log.{round}"));
            fs::rename(&log, &moved).unwrap();
            program.signal(Signal::SIGHUP);
            program.wait_for_nth("log files reopened files=1", round);
            let length = fs::metadata(&moved).unwrap().len();
            assert!(length > 0);
            printed(50);
            assert_eq!(fs::metadata(&moved).unwrap().len(), length, "it was still written to");
            old.push(moved);
        }
        drop(stopping);
    });
    let texts = old.iter().chain([&log]).map(|path| fs::read_to_string(path).unwrap());
    let text = texts.collect::<String>();
    let numbers = text.lines().filter_map(|line| line.strip_prefix("number "));
    let mut numbers: Vec<u64> = numbers.map(|number| number.parse().unwrap()).collect();
    numbers.sort_unstable();
    let all = next.load(Ordering::Relaxed);
    assert!(numbers.iter().copied().eq(0..all), "{} of {all} lines", numbers.len());
    assert_eq!(program.workers().len(), WORKERS);
}

/// Sets a flag when it goes.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Has the workers print numbers, each once.
fn print_numbers(address: SocketAddr, next: &AtomicU64, stop: &AtomicBool) {
    let mut stream = connect(address).expect("a connection");
    while !stop.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let reply = get_on(&mut stream, &format!("/number?{number}")).expect("an answer");
        assert_eq!(reply.status, 200);
    }
}

/// All processes change over: the master, workers with files of their own, those that have the
/// master's, those that drain, and those that come later.
#[test]
fn every_process_changes_to_the_new_files() {
    let program = fixture()
        .env("RUNNER_MASTER__STDOUT", "master.out")
        .env("RUNNER_MASTER__STDERR", "master.err")
        .env("RUNNER_SERVER_WEB__STDERR", "web.err")
        .spawn();
    let log = |text: &str, count: usize| {
        let path = program.directory().join("master.err");
        eventually(&format!("the log says `{text}`"), || {
            let log = fs::read_to_string(&path).unwrap_or_default();
            (log.matches(text).count() == count).then_some(())
        });
    };
    log(" ready pid=", 1);
    let address = program.address("web");
    // The second request begins when the first is answered, and is what the drain waits for.
    let mut stream = connect(address).unwrap();
    stream.write_all(b"GET /who HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    stream.write_all(b"GET /slow?20000 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let who = read_reply(&mut stream).unwrap().text();
    let pid = who.split(' ').next().unwrap().parse().unwrap();
    program.signal(Signal::SIGUSR2);
    log("reload finished", 1);
    let draining = eventually("its worker drains", || {
        let mut workers = program.workers().into_iter();
        workers.find(|worker| worker.pid == pid && worker.title.ends_with("draining"))
    });
    for name in ["master.out", "master.err", "web.err"] {
        let path = program.directory().join(name);
        fs::rename(&path, path.with_extension("old")).unwrap();
    }
    program.signal(Signal::SIGHUP);
    log("log files reopened files=3", 1);
    check_stream(pid, 1, "master.out");
    check_stream(pid, 2, "web.err");
    draining.signal(Signal::SIGKILL);
    let workers = program.wait_for_workers(WORKERS, 2);
    let check_all = || {
        check_stream(program.pid(), 1, "master.out");
        check_stream(program.pid(), 2, "master.err");
        for worker in program.workers() {
            let error = if worker.server() == "web" { "web.err" } else { "master.err" };
            check_stream(worker.pid, 1, "master.out");
            check_stream(worker.pid, 2, error);
        }
    };
    check_all();
    workers[0].signal(Signal::SIGKILL);
    log("crashed, SIGKILL", 1);
    log("worker ready", 1);
    check_all();
    let files = descriptors(program.pid()).len();
    program.signal(Signal::SIGHUP);
    log("log files reopened files=3", 2);
    assert_eq!(descriptors(program.pid()).len(), files, "the master gains descriptors");
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// A file that cannot be opened again is named, and is written to as before; the others change.
#[test]
fn a_file_that_cannot_be_reopened_stays() {
    let program = fixture()
        .with(|command| {
            fs::create_dir(command.get_current_dir().unwrap().join("logs")).unwrap();
        })
        .env("RUNNER_SERVER_WEB__STDOUT", "logs/web.log")
        .env("RUNNER_SERVER_ECHO__STDOUT", "echo.log")
        .spawn()
        .ready();
    let at = |name: &str| program.directory().join(name);
    fs::rename(at("logs"), at("moved")).unwrap();
    fs::rename(at("echo.log"), at("echo.old")).unwrap();
    program.signal(Signal::SIGHUP);
    let error = program.wait_for("server.web.stdout: cannot open");
    for part in ["logs/web.log", "the old file stays", "RUNNER_SERVER_WEB__STDOUT"] {
        assert!(error.contains(part), "{error}");
    }
    program.wait_for("log files reopened files=1");
    check_stream(program.workers_of("echo")[0].pid, 1, "echo.log");
    assert_eq!(get(program.address("web"), "/number?42").unwrap().status, 200);
    assert!(fs::read_to_string(at("moved/web.log")).unwrap().contains("number 42\n"));
    fs::create_dir(at("logs")).unwrap();
    program.signal(Signal::SIGHUP);
    program.wait_for("log files reopened files=2");
    assert_eq!(get(program.address("web"), "/number?43").unwrap().status, 200);
    assert_eq!(fs::read_to_string(at("logs/web.log")).unwrap(), "number 43\n");
}

/// A worker that does not read its channel holds up neither the master nor the others, however
/// often files are sent to it; it takes the files when it reads again.
#[test]
fn a_worker_that_hangs_holds_up_nobody() {
    let program = fixture().env("RUNNER_SERVER_WEB__STDOUT", "web.log").spawn().ready();
    let hung = program.workers_of("web").swap_remove(0);
    hung.signal(Signal::SIGSTOP);
    eventually("it stands still", || (state_of(hung.pid) == Some('T')).then_some(()));
    let skipped = "does not listen and keeps its old log files";
    eventually("the worker is left out", || {
        program.signal(Signal::SIGHUP);
        (program.count(skipped) > 0).then_some(())
    });
    assert_eq!(program.count("log files reopened"), 0, "one has not changed");
    fs::rename(program.directory().join("web.log"), program.directory().join("old")).unwrap();
    hung.signal(Signal::SIGCONT);
    program.wait_for("log files reopened");
    program.signal(Signal::SIGHUP);
    program.wait_for_nth("log files reopened", 2);
    program.workers_of("web").iter().for_each(|worker| check_stream(worker.pid, 1, "web.log"));
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// A worker that may not open anything more keeps its files, and the master says so.
#[test]
fn a_worker_without_descriptors_keeps_its_files() {
    let program = fixture().env("RUNNER_SERVER_WEB__STDOUT", "web.log").spawn().ready();
    let full = program.workers_of("web").swap_remove(0);
    // It has its standard streams, and may have nothing beyond them that it has not already.
    let limit = Rlimit { current: Some(3), maximum: Some(1024) };
    prlimit(Pid::from_raw(full.pid), Resource::Nofile, limit).unwrap();
    fs::rename(program.directory().join("web.log"), program.directory().join("old")).unwrap();
    program.signal(Signal::SIGHUP);
    let line = program.wait_for("a worker keeps its old log files: too many open files");
    assert!(line.contains(&format!("pid={}", full.pid)), "{line}");
    program.wait_for("log files reopened");
    check_stream(full.pid, 1, "old");
    limit_descriptors(full.pid, None);
    program.signal(Signal::SIGHUP);
    program.wait_for_nth("log files reopened", 2);
    check_stream(full.pid, 1, "web.log");
}

/// Many failures at once do not fill the log: some are told, the rest is counted, and the hook hears
/// of each. What is asked for is no flood.
#[test]
fn a_flood_of_failures_is_thinned() {
    const MANY: usize = 40;
    let program = fixture().env("RUNNER_SERVER_WEB__WORKERS", "40").spawn().ready();
    for worker in program.workers_of("web") {
        worker.signal(Signal::SIGKILL);
    }
    program.wait_for_nth("hook worker_exit web", MANY);
    // Each failure is one message, and one more of the wait before the next try, if there is one.
    let told = eventually("every message is logged or counted", || {
        let told = program.count("ended: crashed") + program.count("waiting before the next try");
        let left_out = program.output().into_iter().filter_map(|line| {
            let (before, _) = line.split_once(" further messages about workers were left out")?;
            before.rsplit(' ').next()?.parse::<usize>().ok()
        });
        (told + left_out.sum::<usize>() >= MANY).then_some(told)
    });
    assert!((20..MANY).contains(&told), "{told} were logged");
    program.wait_for_workers(MANY + 1, 1);
    let ended = program.stop(Signal::SIGTERM);
    let exits = ended.lines.iter().filter(|line| line.contains("ended: told to"));
    assert_eq!(exits.count(), MANY + 1, "{}", ended.text());
}

/// Asserts that a standard stream of a process is a file of this name now.
fn check_stream(pid: i32, number: u32, name: &str) {
    let opened = descriptors(pid);
    let target = opened.iter().find(|(own, _)| *own == number);
    let is_there = target.is_some_and(|(_, target)| Path::new(target).ends_with(name));
    assert!(is_there, "{number} of {pid} is not {name}: {opened:?}");
}
