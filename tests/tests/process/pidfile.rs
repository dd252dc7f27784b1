//! The pid file: a held lock decides, the number informs.

use crate::{FIXTURE, fixture, with_pid_file};
use nix::sys::signal::Signal;
use runner_tests::{Program, descriptors, get};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// It holds the pid and a line end, is written for nobody else, belongs to no worker, and goes with
/// the program (R5, B10, B17).
#[test]
fn holds_the_pid_while_the_program_runs() {
    let program = with_pid_file().env("RUNNER_MASTER__UMASK", "000").spawn().ready();
    let path = program.directory().join("app.pid");
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", program.pid()));
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644, "{mode:o}");
    for worker in program.workers() {
        let opened = descriptors(worker.pid);
        assert!(!opened.iter().any(|(_, target)| target.ends_with("app.pid")), "{opened:?}");
    }
    let ended = program.stop(Signal::SIGTERM);
    assert!(!ended.directory().join("app.pid").exists());
}

/// A second program with the same file is refused before it touches anything, whatever else is
/// wrong with it, and names the first (B10, P56).
#[test]
fn refuses_a_second_program() {
    let first = with_pid_file().spawn().ready();
    let address = first.address("web").to_string();
    let second = fixture()
        .beside(&first)
        .env("RUNNER_SERVER_WEB__BIND", &address)
        .env("RUNNER_MASTER__STDOUT", "second.log")
        .run();
    assert_eq!(second.code, Some(1));
    assert_eq!(second.lines.len(), 1, "{}", second.text());
    assert!(second.says(&format!("runs already, with pid {}", first.pid())), "{}", second.text());
    assert!(second.says("runner.toml"), "no origin: {}", second.text());
    assert!(!first.directory().join("second.log").exists());
    let path = first.directory().join("app.pid");
    assert_eq!(fs::read_to_string(path).unwrap(), format!("{}\n", first.pid()));
    assert_eq!(get(first.address("web"), "/").unwrap().status, 200);
}

/// Of programs that start at the same moment exactly one runs.
#[test]
fn of_simultaneous_starts_one_wins() {
    let first = with_pid_file().spawn();
    let others: Vec<_> = (0..4).map(|_| fixture().beside(&first).spawn()).collect();
    let mut programs: Vec<Program> = others.into_iter().chain([first]).collect();
    let mut refused = 0;
    let winner = runner_tests::eventually("one is ready", || {
        let ready = |program: &Program| program.count(" ready pid=") > 0;
        programs.iter().position(ready)
    });
    let winner = programs.swap_remove(winner);
    for program in programs {
        let ended = program.finish();
        assert_eq!(ended.code, Some(1), "{}", ended.text());
        refused += usize::from(ended.says("is held"));
    }
    assert_eq!(refused, 4);
    let path = winner.directory().join("app.pid");
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", winner.pid()));
    assert_eq!(winner.stop(Signal::SIGTERM).code, Some(0));
}

/// A file that a dead program left is no hindrance, whoever has its number now (P56).
#[test]
fn a_number_that_is_left_over_does_not_count() {
    let own = std::process::id().to_string();
    for content in ["1\n", own.as_str(), "", "no number", "99999999999999999999\n"] {
        let program = with_pid_file().file("app.pid", content).spawn().ready();
        let path = program.directory().join("app.pid");
        assert_eq!(fs::read_to_string(path).unwrap(), format!("{}\n", program.pid()));
    }
}

/// A relative path means the directory of the start, wherever the program works later, and a verb
/// reaches the program from any directory.
#[test]
fn a_relative_path_is_made_absolute() {
    let program = with_pid_file().env("RUNNER_MASTER__WORKING_DIRECTORY", "/").spawn().ready();
    let path = program.directory().join("app.pid");
    assert!(path.exists());
    assert_eq!(program.verb(&["status"]).code, Some(0));
    let elsewhere = Program::new(FIXTURE)
        .args(&["stop", &format!("--master.pid_file={}", path.display())])
        .run();
    assert_eq!(elsewhere.code, Some(0), "{}", elsewhere.text());
    assert_eq!(program.finish().code, Some(0));
    assert!(!path.exists());
}

/// A pid file that somebody has removed or replaced is not removed again at the end (P23, P57).
#[test]
fn a_file_of_somebody_else_stays() {
    let program = with_pid_file().spawn().ready();
    let path = program.directory().join("app.pid");
    fs::remove_file(&path).unwrap();
    let stop = program.verb(&["stop"]);
    assert_eq!(stop.code, Some(1));
    assert!(stop.says("not running"), "{}", stop.text());
    fs::write(&path, "somebody else's").unwrap();
    let ended = program.stop(Signal::SIGTERM);
    assert_eq!(ended.code, Some(0));
    assert_eq!(fs::read_to_string(path).unwrap(), "somebody else's");
}
