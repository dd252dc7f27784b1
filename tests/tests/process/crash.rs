//! Workers that fail: at the start, again and again, and in a handler.

use crate::{WORKERS, fixture, settle, with_pid_file};
use nix::sys::signal::Signal;
use runner_tests::{connect, eventually, get, get_on};
use std::time::{Duration, Instant};

/// A server whose workers cannot start ends the program with one clear error; nothing is left, and
/// the master's `start` never came (B8, P46).
#[test]
fn a_worker_that_cannot_start_ends_the_program() {
    for (kind, reason) in [
        ("error", "cannot start: worker web 0/1: no database"),
        ("panic", "cannot start: worker web 0/1: panicked: told to panic"),
        ("abort", "cannot start: worker web 0/1: ended with"),
        ("sleep", "cannot start: worker web 0/1: not ready within"),
        ("block", "cannot start: worker web 0/1: not ready within"),
    ] {
        let began = Instant::now();
        let ended = with_pid_file()
            .env("FIXTURE_WORKER", kind)
            .env("RUNNER_SERVER_WEB__START_TIMEOUT", "2s")
            .run();
        println!("{kind}: gave up after {:?}", began.elapsed());
        assert_eq!(ended.code, Some(1), "{}", ended.text());
        let errors: Vec<_> =
            ended.lines.iter().filter(|line| line.contains("cannot start: worker")).collect();
        assert_eq!(errors.len(), 1, "{}", ended.text());
        assert!(errors[0].replace("web 1/1", "web 0/1").contains(reason), "{kind}: {}", errors[0]);
        assert!(!ended.says("hook start "), "{}", ended.text());
        assert!(!ended.directory().join("app.pid").exists());
    }
}

/// A crash loop is a loop with ever longer pauses. It concerns one server: the other serves on, a
/// reload of it succeeds, and once the fault is mended the workers come back (B8, P46).
#[test]
fn a_crash_loop_slows_down_and_ends() {
    let program = fixture().spawn().ready();
    let told = program.directory().join("fixture_worker");
    std::fs::write(&told, "abort").unwrap();
    let began = Instant::now();
    program.signal(Signal::SIGUSR1);
    // Both slots have failed five times: 100, 200, 400 and 800 ms lie between.
    program.wait_for_nth("waiting before the next try", 8);
    let crashes = program.count("ended: crashed, SIGABRT");
    let took = began.elapsed();
    println!("{crashes} crashes in {took:?}");
    assert!(took > Duration::from_millis(500), "no pause between {crashes} crashes");
    // 100 ms at first and then twice as long each time, a tenth more or less, for each of two slots.
    let expected = 2.0 * ((took.as_secs_f64() / 0.09) + 2.0).log2();
    assert!((crashes as f64) <= expected + 2.0, "{crashes} crashes in {took:?}");

    let echo = program.workers_of("echo");
    assert_eq!(echo.len(), 1);
    assert_eq!(echo[0].serving_generation(), Some(2));

    std::fs::remove_file(&told).unwrap();
    settle(&program, 2);
    assert_eq!(get(program.address("web"), "/").unwrap().status, 200);
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// What a handler does to its process concerns that process; the exit is told with its status
/// (B19b, B47).
#[test]
fn a_handler_that_ends_its_worker_ends_no_other() {
    for (path, cause) in [("/exit", "crashed, exit code 3"), ("/overflow", "crashed, SIGABRT")] {
        let program = fixture().spawn().ready();
        let web = program.address("web");
        assert!(get(web, path).is_err(), "{path} has an answer");
        let line = program.wait_for("ended: crashed");
        assert!(line.contains(cause), "{line}");
        settle(&program, 1);
        assert_eq!(get(web, "/").unwrap().status, 200);
        if path == "/overflow" {
            program.wait_for("has overflowed its stack");
        }
        assert_eq!(program.count("hook worker_exit web"), 1);
    }
}

/// An error or a panic of a handler ends nothing at all (B19b).
#[test]
fn a_handler_that_fails_ends_nothing() {
    let program = fixture().spawn().ready();
    let before = program.wait_for_workers(WORKERS, 1);
    for path in ["/panic", "/error"] {
        assert_eq!(get(program.address("web"), path).unwrap().status, 500);
    }
    assert_eq!(program.workers(), before);
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// A master that has got threads refuses to fork and says which: no deadlock in a copy of a locked
/// allocator (P40, P42).
#[test]
fn a_master_with_threads_does_not_fork() {
    let executable = env!("CARGO_BIN_EXE_threads");
    for (how, thread) in [("plain", "metrics"), ("tokio", "threads")] {
        let ended = runner_tests::Program::new(executable).env("THREADS", how).run();
        assert_eq!(ended.code, Some(1), "{}", ended.text());
        assert_eq!(ended.lines.len(), 1, "{}", ended.text());
        for part in ["cannot fork", "threads", thread, "worker_start"] {
            assert!(ended.says(part), "no {part}: {}", ended.text());
        }
    }
    // One that gets its thread later serves with what it has, and says why it forks no more.
    let program = fixture().env("FIXTURE_START", "thread").spawn().ready();
    program.workers_of("web")[0].signal(Signal::SIGKILL);
    let line = program.wait_for("cannot fork");
    assert!(line.contains("ticker"), "{line}");
    // A connection that waits in the queue of the empty slot is not the one to look at.
    eventually("the others serve", || {
        let mut stream = connect(program.address("web")).ok()?;
        stream.set_read_timeout(Some(Duration::from_millis(200))).ok()?;
        get_on(&mut stream, "/").ok()
    });
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}
