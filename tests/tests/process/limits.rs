//! What workers are allowed and limited to, as they see it themselves and as others see it.

use nix::sys::signal::Signal;
use runner_tests::{Program, get};
use std::fs;

const CONFINED: &str = env!("CARGO_BIN_EXE_confined");

/// Workers may have as many descriptors as the hard limit allows; the master stays as it was
/// started.
#[test]
fn workers_may_open_as_many_files_as_there_can_be() {
    let program = Program::new("prlimit").args(&["--nofile=200:300", CONFINED]).spawn().ready();
    program.wait_for_nth("nofile=Some(300)", 2);
    assert_eq!(limit(program.pid(), "Max open files"), ("200".to_owned(), "300".to_owned()));
    let check = |program: &Program| {
        for worker in program.workers() {
            let (soft, hard) = limit(worker.pid, "Max open files");
            assert_eq!((&*soft, &*hard), ("300", "300"), "{worker:?}");
        }
    };
    check(&program);
    program.workers()[0].signal(Signal::SIGKILL);
    program.wait_for_nth("nofile=Some(300)", 3);
    check(&program);
    assert_eq!(get(program.address("confined"), "/").unwrap().status, 200);
}

/// The soft and the hard limit of a process, by their name in /proc/PID/limits.
fn limit(pid: i32, name: &str) -> (String, String) {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("a process");
    let line = limits.lines().find_map(|line| line.strip_prefix(name)).expect("a limit");
    let mut values = line.split_whitespace().map(str::to_owned);
    (values.next().expect("a soft limit"), values.next().expect("a hard limit"))
}
