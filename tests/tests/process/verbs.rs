//! The verbs that act on a running program, and tell the truth about the outcome.

use crate::{FIXTURE, WORKERS, fixture, settle, with_pid_file};
use nix::sys::signal::Signal;
use runner_tests::{Program, Worker, connect, get, is_alive};
use std::io::Write;

/// `stop` drains, `stop --now` does not; both return when the program is gone.
#[test]
fn stop_returns_when_the_program_is_gone() {
    for (verb, drains) in [(&["stop"][..], true), (&["stop", "--now"], false)] {
        let mut program = with_pid_file().spawn().ready();
        let workers = program.wait_for_workers(WORKERS, 1);
        let mut busy = connect(program.address("web")).unwrap();
        let path = if drains { "/slow?800" } else { "/slow?60000" };
        write!(busy, "GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        crate::start_stop::await_request(&program);
        let stop = program.verb(verb);
        assert_eq!(stop.code, Some(0), "{}", stop.text());
        assert!(stop.says(&format!("stopped (pid {})", program.pid())), "{}", stop.text());
        assert!(!is_alive(program.pid()));
        crate::assert_gone(workers.iter().map(|worker| worker.pid));
        let reply = runner_tests::read_reply(&mut busy);
        assert_eq!(reply.is_ok(), drains, "{reply:?}");
        assert_eq!(program.wait().code(), Some(0));
    }
}

/// `reload` and `restart` return when every worker is a new one, and `status` shows them.
#[test]
fn reload_and_restart_return_when_all_is_new() {
    let program = with_pid_file().spawn().ready();
    let mut generation = 1;
    for verb in ["reload", "restart", "reload"] {
        let before: Vec<_> = program.workers().iter().map(|worker| worker.pid).collect();
        generation += 1;
        let ended = program.verb(&[verb]);
        assert_eq!(ended.code, Some(0), "{verb}: {}", ended.text());
        let new: Vec<_> = program
            .workers()
            .into_iter()
            .filter(|worker| worker.serving_generation() == Some(generation))
            .collect();
        assert_eq!(new.len(), WORKERS, "{verb} returned before it was done");
        assert!(new.iter().all(|worker| !before.contains(&worker.pid)));
        settle(&program, generation);
    }
    let status = program.verb(&["status"]);
    assert_eq!(status.code, Some(0));
    assert!(status.says(&program.pid().to_string()), "{}", status.text());
    for Worker { pid, title } in program.workers() {
        let line = status.lines.iter().find(|line| line.contains(&pid.to_string()));
        let line = line.unwrap_or_else(|| panic!("no {title}: {}", status.text()));
        assert!(line.contains("ready") && line.contains(" 4 "), "{line}");
    }
}

/// A restart whose old workers take their time, because one hangs, is waited for, not given up.
#[test]
fn a_restart_waits_for_a_hung_worker() {
    let program = with_pid_file().spawn().ready();
    let mut stuck = connect(program.address("web")).unwrap();
    stuck.write_all(b"GET /block HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    program.wait_for("blocking");
    let restart = program.verb(&["restart"]);
    assert_eq!(restart.code, Some(0), "{}", restart.text());
    settle(&program, 2);
}

/// A restart whose new workers are no good fails, and says so.
#[test]
fn a_restart_into_a_crash_loop_fails() {
    let program = with_pid_file().spawn().ready();
    let told = program.directory().join("fixture_worker");
    std::fs::write(told, "abort 2").unwrap();
    let restart = program.verb(&["restart"]);
    assert_eq!(restart.code, Some(1), "{}", restart.text());
    assert_eq!(restart.lines.len(), 1, "{}", restart.text());
}

/// A verb without a running program is an error that says so (P22).
#[test]
fn verbs_need_a_running_program() {
    for verb in ["stop", "reload", "restart", "status"] {
        for content in [None, Some("1\n"), Some("")] {
            let mut start = with_pid_file().args(&[verb]);
            if let Some(content) = content {
                start = start.file("app.pid", content);
            }
            let ended = start.run();
            assert_eq!(ended.code, Some(1), "{verb}: {}", ended.text());
            assert_eq!(ended.lines.len(), 1, "{}", ended.text());
            assert!(ended.says("not running"), "{verb}: {}", ended.text());
        }
        let ended = fixture().args(&[verb]).run();
        assert_eq!(ended.code, Some(1), "{}", ended.text());
        assert!(ended.says("pid_file"), "{verb}: {}", ended.text());
    }
}

/// Asking about a program is no hindrance to its start: the question holds no lock that the start
/// would take for another program.
#[test]
fn a_question_does_not_hinder_a_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.pid");
    std::fs::write(&path, "1\n").unwrap();
    let flag = format!("--master.pid_file={}", path.display());
    let asking: Vec<_> = (0..2)
        .map(|_| {
            let flag = flag.clone();
            std::thread::spawn(move || {
                for _ in 0..40 {
                    let _ = Program::new(FIXTURE).args(&["status", &flag]).run();
                }
            })
        })
        .collect();
    for _ in 0..10 {
        let program = Program::new(FIXTURE).args(&[&flag]).spawn().ready();
        assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
    }
    for asking in asking {
        asking.join().unwrap();
    }
}

/// What was changed by hand is not touched: the verbs only look at the configuration they need.
#[test]
fn config_verbs_start_nothing() {
    for verb in [&["config", "show"], &["config", "check"]] {
        let ended = with_pid_file().args(verb).run();
        assert_eq!(ended.code, Some(0), "{}", ended.text());
        assert!(!ended.directory().join("app.pid").exists());
    }
    let program = with_pid_file().spawn().ready();
    assert_eq!(program.verb(&["config", "check"]).code, Some(0));
    assert_eq!(get(program.address("web"), "/").unwrap().status, 200);
}
