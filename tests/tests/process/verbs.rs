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

/// A reload or restart whose new workers are no good fails, and says which and why.
#[test]
fn a_change_to_workers_that_fail_fails() {
    for (verb, told, reason) in [
        ("restart", "abort 2", "crashed, SIGABRT"),
        ("restart", "error 2", "cannot start: no database"),
        ("reload", "abort 2", "ended with SIGABRT before it was ready; the old workers go on"),
        ("reload", "error 2", "no database; the old workers go on"),
    ] {
        let program = with_pid_file().spawn().ready();
        std::fs::write(program.directory().join("fixture_worker"), told).unwrap();
        let change = program.verb(&[verb]);
        assert_eq!(change.code, Some(1), "{}", change.text());
        assert_eq!(change.lines.len(), 1, "{}", change.text());
        assert!(change.says("worker web ") && change.says("/2: "), "{}", change.text());
        assert!(change.says(reason), "{}", change.text());
    }
}

/// The outcome of a change is told to each who has asked for it, and to nobody else: a later one
/// takes the place of the one before, and a stop ends both.
#[test]
fn everybody_gets_his_own_outcome() {
    let program = with_pid_file().spawn().ready();
    std::fs::write(program.directory().join("fixture_worker"), "sleep 2").unwrap();
    let change = |verb| fixture().beside(&program).args(&[verb]).spawn();
    let first = change("reload");
    program.wait_for("request=Reload");
    let second = change("reload");
    let first = first.finish();
    assert_eq!(first.code, Some(1), "{}", first.text());
    assert!(first.says("generation 3 was asked for meanwhile"), "{}", first.text());
    let third = change("restart");
    let second = second.finish();
    assert!(second.says("generation 4 was asked for meanwhile"), "{}", second.text());
    program.wait_for("request=Restart");
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
    let third = third.finish();
    assert_eq!(third.code, Some(1), "{}", third.text());
    assert!(third.says("the program has stopped"), "{}", third.text());
}

/// `scale` returns when the new workers serve or the surplus ones are gone, and says why it cannot.
#[test]
fn scale_returns_when_the_number_is_reached() {
    let program = with_pid_file().spawn().ready();
    for (to, count) in [("4", 4), ("-1", 3), ("+2", 5), ("1", 1), ("1", 1)] {
        let scale = program.verb(&["scale", "web", to]);
        assert_eq!(scale.code, Some(0), "{}", scale.text());
        assert!(scale.says(&format!("{count} workers serve `web`")), "{}", scale.text());
        let workers = program.workers_of("web");
        assert_eq!(workers.len(), count, "{workers:?}");
        assert!(workers.iter().all(|worker| worker.serving_generation() == Some(1)));
        assert_eq!(program.workers_of("echo").len(), 1);
    }
    for (server, to, reason) in [
        ("web", "0", "`web` may have 1 to 1024 workers, not 0; it has 1"),
        ("web", "-4", "not -3"),
        ("web", "4000", "not 4000"),
        ("wep", "2", "no server `wep`; did you mean `web`?"),
    ] {
        let scale = program.verb(&["scale", server, to]);
        assert_eq!(scale.code, Some(1), "{}", scale.text());
        assert!(scale.says(reason), "{}", scale.text());
    }
    std::fs::write(program.directory().join("fixture_worker"), "error").unwrap();
    let scale = program.verb(&["scale", "web", "+1"]);
    assert_eq!(scale.code, Some(1), "{}", scale.text());
    assert!(scale.says("worker web 1/1: cannot start: no database"), "{}", scale.text());
}

/// A verb without a running program is an error that says so (P22).
#[test]
fn verbs_need_a_running_program() {
    let scale = &["scale", "web", "2"][..];
    for verb in [&["stop"], &["reload"], &["restart"], &["status"], &["why"], &["reopen"], scale] {
        for content in [None, Some("1\n"), Some("")] {
            let mut start = with_pid_file().args(verb);
            if let Some(content) = content {
                start = start.file("app.pid", content);
            }
            let ended = start.run();
            assert_eq!(ended.code, Some(1), "{verb:?}: {}", ended.text());
            assert_eq!(ended.lines.len(), 1, "{}", ended.text());
            assert!(ended.says("not running"), "{verb:?}: {}", ended.text());
        }
        let ended = fixture().args(verb).run();
        assert_eq!(ended.code, Some(1), "{}", ended.text());
        assert!(ended.says("pid_file"), "{verb:?}: {}", ended.text());
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
