//! The program as process 1 of a pid namespace, as in a container. That takes root, or a system
//! that lets others make namespaces; else these tests say that they are skipped.

use crate::orphans::reaps_orphans;
use crate::{FIXTURE, WORKERS};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use runner_tests::{Program, Start, children_of, eventually, get, workers_of};
use std::process::{Command, Stdio};

/// It starts, replaces workers, reaps orphans, gives hooks the status of their commands, and stops
/// with all it has; its exit code is that of the container (P33, P36).
#[test]
fn it_is_a_good_init() {
    let Some(start) = as_process_1() else {
        return;
    };
    let program = start.env("FIXTURE_START", "command").spawn().ready();
    program.wait_for("ready pid=1");
    program.wait_for("hook command Some(7)");
    let master = children_of(program.pid())[0];
    let address = program.address("web");
    reaps_orphans(master, || get(address, "/orphan").unwrap().status);
    kill(Pid::from_raw(workers_of(master)[0].pid), Signal::SIGKILL).unwrap();
    program.wait_for_nth("worker ready", WORKERS + 1);
    kill(Pid::from_raw(master), Signal::SIGUSR2).unwrap();
    program.wait_for("reload finished");
    // One that runs to the end does not hold it up.
    assert_eq!(get(address, "/orphan").unwrap().status, 200);
    let all = eventually("only new workers and the orphan are left", || {
        Some(children_of(master)).filter(|all| all.len() == WORKERS + 1)
    });
    kill(Pid::from_raw(master), Signal::SIGTERM).unwrap();
    let ended = program.finish();
    assert_eq!(ended.code, Some(0), "{}", ended.text());
    assert!(ended.says("hook stop"), "{}", ended.text());
    crate::assert_gone(all);
}

/// A start that fails says so by its exit code.
#[test]
fn its_failure_is_that_of_the_container() {
    let Some(start) = as_process_1() else {
        return;
    };
    let ended = start.env("FIXTURE_WORKER", "error").run();
    assert_eq!(ended.code, Some(1), "{}", ended.text());
    assert!(ended.says("no database"), "{}", ended.text());
}

/// Process 1 cannot go into the background: its end would be that of the daemon.
#[test]
fn it_does_not_become_a_daemon() {
    for (arguments, variable) in [(&["start"][..], "false"), (&["run"], "true")] {
        let Some(start) = as_process_1() else {
            return;
        };
        let start = start.args(arguments).env("RUNNER_MASTER__DAEMONIZE", variable);
        let ended = start.env("RUNNER_MASTER__PID_FILE", "app.pid").run();
        assert_eq!(ended.code, Some(1), "{}", ended.text());
        assert_eq!(ended.lines.len(), 1, "{}", ended.text());
        assert!(ended.says("as process 1 there is nobody to return to; use `run`"));
        assert!(!ended.directory().join("app.pid").exists());
    }
}

/// The fixture, alone in a pid namespace.
fn as_process_1() -> Option<Start> {
    const UNSHARE: [&str; 4] = ["--pid", "--fork", "--kill-child", "--mount-proc"];
    let quiet = || Stdio::null();
    let mut probe = Command::new("unshare");
    let probe = probe.args(UNSHARE).arg("true").stdout(quiet()).stderr(quiet()).status();
    if !probe.is_ok_and(|status| status.success()) {
        println!("skipped: no pid namespace can be made here");
        return None;
    }
    Some(Program::new("unshare").args(&UNSHARE).args(&[FIXTURE]))
}
