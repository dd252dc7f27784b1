//! Standard input, output and error from files.

use crate::{FIXTURE, fixture};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use runner_tests::{Program, children_of, descriptors, eventually, get};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

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
    eventually("it is ready", || read("master.err").contains(" ready pid=").then_some(()));
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
        .args(&["-c", script, FIXTURE])
        .env("RUNNER_MASTER__STDOUT", "all.log")
        .env("RUNNER_MASTER__STDERR", "all.log")
        .env("RUNNER_MASTER__PID_FILE", "app.pid")
        .spawn();
    let log = program.directory().join("all.log");
    let text = eventually("it is ready", || {
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

/// A log that nobody reads any more ends neither the master nor a worker.
#[test]
fn a_closed_log_pipe_is_survived() {
    struct Running(Child);
    impl Drop for Running {
        fn drop(&mut self) {
            // By the kindest signal: its workers must not be left to their own fuse.
            let _ = kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM);
            let _ = self.0.wait();
        }
    }

    let child = Command::new(FIXTURE)
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut program = Running(child.expect("the program starts"));
    let log = BufReader::new(program.0.stderr.take().expect("a pipe"));
    let mut address = None;
    for line in log.lines().map_while(Result::ok) {
        if line.contains("server=\"web\"") {
            let (_, listening) = line.split_once("listening on ").expect("an address");
            address = listening.split(' ').next().map(|text| text.parse().expect("an address"));
        }
        if line.contains(" ready pid=") {
            break;
        }
    }
    // Here the reader is gone, and the master has the death of a worker to log.
    let master = program.0.id().cast_signed();
    let before = children_of(master);
    kill(Pid::from_raw(before[0]), Signal::SIGKILL).expect("a worker");
    eventually("the worker is replaced", || {
        let now = children_of(master);
        (now.len() == before.len() && !now.contains(&before[0])).then_some(())
    });
    let address = address.expect("the line of the web server");
    assert_eq!(get(address, "/").expect("an answer").text(), "hello\n");
    kill(Pid::from_raw(master), Signal::SIGTERM).expect("the master runs");
    assert_eq!(program.0.wait().expect("a child of ours").code(), Some(0));
}
