//! Standard input, output and error from files.

use crate::fixture;
use nix::sys::signal::Signal;
use runner_tests::{Program, descriptors, get};
use std::fs;

/// The master's streams are those of a server that sets none; each stream of its own a server sets
/// replaces just that one (R6, R10).
#[test]
fn servers_inherit_the_streams_of_the_master() {
    let program = fixture()
        .env("RUNNER_MASTER__STDOUT", "master.out")
        .env("RUNNER_MASTER__STDERR", "master.err")
        .env("RUNNER_SERVER_WEB__STDOUT", "web.out")
        .spawn();
    let directory = program.directory().to_owned();
    let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap_or_default();
    runner_tests::eventually("it is ready", || {
        read("master.err").contains(" ready pid=").then_some(())
    });
    for server in ["web", "echo"] {
        let worker = &program.workers_of(server)[0];
        let opened = descriptors(worker.pid);
        let ends_with = |number: u32, name: &str| {
            opened.iter().any(|(own, target)| *own == number && target.ends_with(name))
        };
        let output = if server == "web" { "/web.out" } else { "/master.out" };
        assert!(ends_with(0, "/dev/null"), "{opened:?}");
        assert!(ends_with(1, output), "{opened:?}");
        assert!(ends_with(2, "/master.err"), "{opened:?}");
    }
    let ended = program.stop(Signal::SIGTERM);
    assert_eq!(ended.code, Some(0), "{}", ended.text());
    assert!(read("web.out").contains("hook worker_start web 0"));
    assert!(read("master.out").contains("hook stop"));
    assert!(!read("master.out").contains("hook worker_start"));
}

/// Output is appended to what a file holds, by every worker, without overwriting each other (R6).
#[test]
fn output_is_appended() {
    let program = fixture()
        .env("RUNNER_SERVER_WEB__STDOUT", "web.log")
        .env("RUNNER_SERVER_WEB__STDERR", "web.log")
        .file("web.log", "from yesterday\n")
        .spawn()
        .ready();
    for _ in 0..20 {
        get(program.address("web"), "/print").unwrap();
    }
    let log = fs::read_to_string(program.directory().join("web.log")).unwrap();
    let count = |text: &str| log.lines().filter(|line| *line == text).count();
    assert!(log.starts_with("from yesterday\n"), "{log}");
    assert_eq!(count("printed to stdout"), 20, "{log}");
    assert_eq!(count("printed to stderr"), 20, "{log}");
}

/// Standard input is open for reading, from the master's file or the server's own (B18).
#[test]
fn standard_input_can_be_read() {
    for option in ["RUNNER_MASTER__STDIN", "RUNNER_SERVER_WEB__STDIN"] {
        let program = fixture()
            .file("input", "first line\nsecond line\n")
            .env(option, "input")
            .env("RUNNER_SERVER_WEB__WORKERS", "1")
            .spawn()
            .ready();
        assert_eq!(read_line(&program), "first line\n", "{option}");
        assert_eq!(read_line(&program), "second line\n", "{option}");
        assert_eq!(read_line(&program), "", "{option}");
    }
}

/// A file can stand for both outputs, and whatever number a descriptor had before it is put into
/// place (B18: it relied on the lowest free number).
#[test]
fn closed_standard_streams_are_no_hindrance() {
    let script = "exec 0<&- 1>&- 2>&-; exec \"$0\"";
    let program = Program::new("sh")
        .args(&["-c", script, crate::FIXTURE])
        .env("RUNNER_MASTER__STDOUT", "all.log")
        .env("RUNNER_MASTER__STDERR", "all.log")
        .env("RUNNER_MASTER__PID_FILE", "app.pid")
        .spawn();
    let log = program.directory().join("all.log");
    let text = runner_tests::eventually("it is ready", || {
        fs::read_to_string(&log).ok().filter(|text| text.contains(" ready pid="))
    });
    assert!(text.contains("hook start 2 servers"), "{text}");
    for worker in program.workers() {
        let opened = descriptors(worker.pid);
        let logs = opened.iter().filter(|(_, target)| target.ends_with("all.log"));
        assert_eq!(logs.map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2], "{opened:?}");
    }
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

fn read_line(program: &Program) -> String {
    get(program.address("web"), "/stdin").unwrap().text()
}
