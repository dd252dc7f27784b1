//! What a service manager hears, and what workers do not see of it.

use crate::{FIXTURE, WORKERS, fixture, settle, with_pid_file};
use nix::sys::signal::Signal;
use nix::time::{ClockId, clock_gettime};
use runner_tests::{Daemon, Notice, Program, Systemd, connect, eventually, get};
use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

/// The microseconds of CLOCK_MONOTONIC.
fn now() -> i128 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("a clock");
    i128::from(now.tv_sec()) * 1_000_000 + i128::from(now.tv_nsec()) / 1_000
}

fn ready_with(systemd: &Systemd) -> Program {
    let program = systemd.start(with_pid_file()).spawn();
    systemd.wait_for("READY=1");
    program
}

/// READY comes from the master, when the last constructor is through and not before (P22, P58).
#[test]
fn ready_is_said_when_all_serve() {
    for systemd in [Systemd::at_a_path(), Systemd::without_a_file()] {
        let program = systemd.start(fixture().file("fixture_worker", "held")).spawn();
        systemd.wait_for("STATUS=starting");
        program.wait_for_nth("hook worker_start", 2);
        program.wait_for("worker ready");
        assert!(!systemd.heard().iter().any(|notice| notice.says("READY=1")));
        fs::remove_file(program.directory().join("fixture_worker")).unwrap();
        let ready = systemd.wait_for("READY=1");
        assert_eq!(ready.value("MAINPID"), Some(&*program.pid().to_string()));
        assert_eq!(ready.value("STATUS"), Some("3/3 workers serve, generation 1"));
        assert_eq!(get(program.address("web"), "/").unwrap().status, 200);
        let heard = systemd.heard();
        assert!(heard.iter().all(|notice| notice.pid == program.pid()), "{heard:?}");
    }
}

/// A start that fails is never READY, and its last words are why (P22).
#[test]
fn a_failed_start_is_never_ready() {
    for (name, value, reason) in [
        ("FIXTURE_WORKER", "error", "no database"),
        ("FIXTURE_START", "fail", "the `start` hook failed: told to fail"),
        ("FIXTURE_PRELOAD", "fail", "told to fail"),
    ] {
        let systemd = Systemd::at_a_path();
        let ended = systemd.start(fixture()).env(name, value).run();
        assert_eq!(ended.code, Some(1), "{}", ended.text());
        let heard = systemd.heard();
        assert!(!heard.iter().any(|notice| notice.says("READY=1")), "{heard:?}");
        let last = heard.last().and_then(|notice| notice.value("STATUS")).unwrap_or_default();
        assert!(last.starts_with("cannot start: ") && last.contains(reason), "{last}");
    }
}

/// Each reload is announced after it was asked for, as `Type=notify-reload` wants to see it, and its
/// end is not said before all is new.
#[test]
fn a_reload_is_announced_and_ended() {
    let systemd = Systemd::at_a_path();
    let program = ready_with(&systemd);
    for signal in [Signal::SIGUSR2, Signal::SIGHUP] {
        let asked = now();
        program.signal(signal);
        let reloading = systemd.wait_for("RELOADING=1");
        let said: i128 = reloading.value("MONOTONIC_USEC").unwrap().parse().unwrap();
        assert!((asked..=now()).contains(&said), "{asked} {said}");
        systemd.wait_for("READY=1");
    }
    assert_eq!(program.count("reload finished generation=2"), 1);
    settle(&program, 2);
    assert_eq!(program.verb(&["reload"]).code, Some(0));
    systemd.wait_for("READY=1");
    let heard = systemd.heard();
    let turns = |notice: &Notice| notice.says("RELOADING=1") || notice.says("READY=1");
    let turns: Vec<_> = heard.iter().filter(|notice| turns(notice)).collect();
    assert_eq!(turns.len(), 7, "{turns:?}");
    assert!(turns.iter().step_by(2).all(|notice| notice.says("READY=1")), "{turns:?}");
    assert!(turns[5].value("STATUS").unwrap().starts_with("reloading to generation "));
}

/// A reload that fails ends as well, and the status says why until the next one (P15, P22).
#[test]
fn a_failed_reload_is_told() {
    let systemd = Systemd::at_a_path();
    let program = ready_with(&systemd);
    let told = program.directory().join("fixture_worker");
    fs::write(&told, "error 2").unwrap();
    program.signal(Signal::SIGUSR2);
    systemd.wait_for("RELOADING=1");
    let status = systemd.wait_for("READY=1").value("STATUS").unwrap().to_owned();
    assert!(status.contains("the last reload failed: worker web"), "{status}");
    assert!(status.contains("no database"), "{status}");
    fs::remove_file(told).unwrap();
    program.signal(Signal::SIGUSR2);
    let status = systemd.wait_for("RELOADING=1").value("STATUS").unwrap().to_owned();
    assert!(!status.contains("failed"), "{status}");
    let ready = systemd.wait_for("READY=1");
    assert_eq!(ready.value("STATUS"), Some("3/3 workers serve, generation 3"));
}

/// A configuration that is wrong is a failed reload as well, though nothing was begun.
#[test]
fn a_wrong_configuration_is_told() {
    let systemd = Systemd::at_a_path();
    let program = ready_with(&systemd);
    fs::write(program.directory().join("runner.toml"), "[master]\nterm = \"soon\"\n").unwrap();
    program.signal(Signal::SIGHUP);
    systemd.wait_for("RELOADING=1");
    let status = systemd.wait_for("READY=1").value("STATUS").unwrap().to_owned();
    assert!(status.contains("the last reload failed: master.term: "), "{status}");
}

/// A stop is announced when it begins, and asks for more time while it drains.
#[test]
fn a_stop_asks_for_the_time_it_takes() {
    let systemd = Systemd::at_a_path();
    let program = ready_with(&systemd);
    let mut busy = connect(program.address("web")).unwrap();
    busy.write_all(b"GET /slow?600000 HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    crate::start_stop::await_request(&program);
    program.signal(Signal::SIGQUIT);
    let stopping = systemd.wait_for("STOPPING=1");
    let extension = |notice: &Notice| {
        let extension = notice.value("EXTEND_TIMEOUT_USEC").expect("an extension");
        Duration::from_micros(extension.parse().unwrap())
    };
    let began = Instant::now();
    let more = systemd.wait_for("EXTEND_TIMEOUT_USEC");
    assert!(began.elapsed() * 2 < extension(&stopping), "too late to be on the safe side");
    assert_eq!(extension(&more), extension(&stopping));
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
    assert!(systemd.heard().last().unwrap().says("STATUS=stopped"));
}

/// A sign of life comes twice as often as it is expected, if it is expected of this process.
#[test]
fn the_watchdog_is_fed() {
    let script = |pid: &str| {
        let script = format!("WATCHDOG_USEC=400000 WATCHDOG_PID={pid} exec \"$0\"");
        Program::new("sh").args(&["-c", &script, FIXTURE])
    };
    let systemd = Systemd::at_a_path();
    let program = systemd.start(script("$$")).spawn();
    systemd.wait_for("WATCHDOG=1");
    let began = Instant::now();
    const SIGNS: u32 = 10;
    for _ in 0..SIGNS {
        let before = Instant::now();
        systemd.wait_for("WATCHDOG=1");
        // On a machine that does not stand still, this is half of it.
        assert!(before.elapsed() < Duration::from_secs(5));
    }
    let least = Duration::from_millis(200) * (SIGNS - 1);
    assert!(least <= began.elapsed(), "it wakes up too often: {:?}", began.elapsed());
    drop(program);

    let systemd = Systemd::at_a_path();
    let program = systemd.start(script("1")).spawn();
    systemd.wait_for("READY=1");
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
    assert!(!systemd.heard().iter().any(|notice| notice.says("WATCHDOG=1")));
}

/// What the manager says to its service, no worker sees, however it was made.
#[test]
fn workers_do_not_know_the_manager() {
    for spawn in ["fork", "exec"] {
        let systemd = Systemd::at_a_path();
        let start = fixture().env("RUNNER_MASTER__SPAWN", spawn).env("WATCHDOG_USEC", "60000000");
        let program = systemd.start(start).env("WATCHDOG_PID", "1").spawn().ready();
        let seen = get(program.address("web"), "/variables").unwrap();
        assert_eq!(seen.text(), "0\n", "{spawn}");
        if spawn == "exec" {
            for worker in program.wait_for_workers(WORKERS, 1) {
                let environment = fs::read(format!("/proc/{}/environ", worker.pid)).unwrap();
                let environment = String::from_utf8_lossy(&environment);
                assert!(!environment.contains("NOTIFY_SOCKET"), "{environment}");
                assert!(!environment.contains("WATCHDOG_"), "{environment}");
            }
        }
        // The master keeps them.
        program.signal(Signal::SIGTERM);
        systemd.wait_for("STOPPING=1");
    }
}

/// A manager that does not read, is not there or has a strange address holds up nothing.
#[test]
fn nobody_waits_for_a_manager() {
    let full = Systemd::at_a_path();
    full.fill();
    for (address, warning) in [
        (full.name(), None),
        ("/nowhere/notify", Some("the service manager cannot be told")),
        ("vsock:2:1234", Some("NOTIFY_SOCKET cannot be used")),
    ] {
        let program = with_pid_file().env("NOTIFY_SOCKET", address).spawn().ready();
        assert_eq!(program.verb(&["reload"]).code, Some(0), "{address}");
        let ended = program.stop(Signal::SIGQUIT);
        assert_eq!(ended.code, Some(0), "{}", ended.text());
        assert!(warning.is_none_or(|warning| ended.says(warning)), "{}", ended.text());
    }
}

/// One that reads again hears what matters.
#[test]
fn a_manager_that_was_busy_hears_it_later() {
    let systemd = Systemd::at_a_path();
    systemd.fill();
    let program = systemd.start(fixture()).spawn().ready();
    program.signal(Signal::SIGUSR2);
    program.wait_for("reload finished");
    for line in ["noise", "READY=1", "RELOADING=1", "READY=1"] {
        systemd.wait_for(line);
    }
}

/// A daemon tells its own pid, before the process that started it ends (P58).
#[test]
fn a_daemon_tells_its_pid() {
    let systemd = Systemd::at_a_path();
    let started = systemd.start(with_pid_file()).args(&["start"]).run();
    assert_eq!(started.code, Some(0), "{}", started.text());
    let heard = systemd.heard();
    let daemon = Daemon::at(&started.directory().join("app.pid"));
    let ready = heard.iter().find(|notice| notice.says("READY=1")).expect("READY");
    assert_eq!((ready.pid, ready.value("MAINPID")), (daemon.pid, Some(&*daemon.pid.to_string())));
    daemon.stop(Signal::SIGTERM);
    eventually("its end is told", || {
        systemd.heard().iter().any(|notice| notice.says("STATUS=stopped")).then_some(())
    });
}
