//! A server whose workers abort at the start, beside one that is well.

use crate::program;
use nix::sys::signal::Signal;
use runner_tests::{Program, connect, cpu_time, get, get_on};
use std::time::{Duration, Instant};

/// How long the loop is watched.
const LOOP: Duration = Duration::from_secs(10);

/// In ten seconds at most ten workers are forked for the slot, the master does next to nothing, the
/// server is said to be degraded, and the other one answers everybody (B8, P46). When that one fails
/// as well, the program ends with failure.
#[test]
fn a_crash_loop_costs_next_to_nothing() {
    let mut program = program()
        .env("RUNNER_SERVER_WEB__WORKERS", "1")
        .env("RUNNER_SERVER_ECHO__WORKERS", "1")
        .spawn()
        .ready();
    let web = program.address("web");
    let before = get(web, "/who").unwrap().text();
    break_starts(&program);
    let cpu = cpu_time(program.pid());
    let began = Instant::now();
    program.workers_of("echo")[0].signal(Signal::SIGKILL);
    let mut client = connect(web).unwrap();
    let mut answers = 0;
    while began.elapsed() < LOOP {
        assert_eq!(get_on(&mut client, "/who").unwrap().text(), before);
        answers += 1;
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let cpu = cpu_time(program.pid()) - cpu;
    let forks = starts(&program);
    println!("{forks} forks, {cpu:?} of CPU time, {answers} answers by the other server");
    assert!((2..=10).contains(&forks), "{forks} forks in {LOOP:?}");
    assert!(cpu < LOOP / 100, "{cpu:?} of CPU time in {LOOP:?}");
    program.wait_for("server degraded");

    let began = Instant::now();
    program.workers_of("web")[0].signal(Signal::SIGKILL);
    let status = program.wait();
    println!("ended {:?} after the last server was lost", began.elapsed());
    assert_eq!(status.code(), Some(1));
    program.wait_for("no server can serve");
}

fn break_starts(program: &Program) {
    std::fs::write(program.directory().join("start_fault"), "abort").unwrap();
}

/// How many workers have aborted so far; each leaves a byte.
fn starts(program: &Program) -> u64 {
    std::fs::metadata(program.directory().join("aborts")).map_or(0, |file| file.len())
}
