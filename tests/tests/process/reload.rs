//! Reloads by USR2: replacement first, and nothing lost when the new workers are no good.

use crate::{WORKERS, fixture, settle, with_pid_file};
use nix::sys::signal::Signal;
use runner_tests::{
    Program, Worker, connect, eventually, get, listeners, load, wait_until_gone, workers_of,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::{Duration, Instant};

/// Ten reloads under keep-alive load: no request fails and every worker is replaced each time
/// (R15, B4).
#[test]
fn reloads_under_load_lose_no_request() {
    let program = fixture().spawn().ready();
    let load = load(program.address("web"), 8);
    for generation in 2..=11 {
        let answered = load.answered();
        program.signal(Signal::SIGUSR2);
        program.wait_for(&format!("reload finished generation={generation}"));
        eventually("the load goes on", || (load.answered() > answered + 50).then_some(()));
    }
    let answered = load.answered();
    assert_eq!(load.stop(), Vec::<String>::new(), "of {answered} requests");
    settle(&program, 11);
    println!("{answered} requests");
}

/// Restarts at once never leave the port without a listener: connections wait, none is refused
/// (B4, B45).
#[test]
fn nobody_is_refused_while_no_worker_serves() {
    let program = fixture().spawn().ready();
    let web = program.address("web");
    for generation in 2..=6 {
        program.signal(Signal::SIGUSR1);
        while !program
            .workers_of("web")
            .iter()
            .all(|worker| worker.serving_generation() == Some(generation))
        {
            connect(web).expect("the listener is the master's");
            std::thread::park_timeout(Duration::from_micros(500));
        }
        settle(&program, generation);
    }
    assert_eq!(get(web, "/").unwrap().status, 200);
}

/// New workers that fail, in whatever way, leave the old generation as it was, and the verb says so
/// (P15, P22, P60). Once the fault is mended the next reload succeeds.
#[test]
fn a_reload_that_fails_changes_nothing() {
    for (kind, reason) in [
        ("error", "no database"),
        ("panic", "told to panic"),
        ("abort", "SIGABRT"),
        ("sleep", "not ready"),
    ] {
        let program = with_pid_file().env("RUNNER_SERVER_WEB__START_TIMEOUT", "3s").spawn().ready();
        let before: BTreeSet<i32> = web_pids(&program);
        let told = program.directory().join("fixture_worker");
        std::fs::write(&told, format!("{kind} 2")).unwrap();

        let reload = program.verb(&["reload"]);
        assert_eq!(reload.code, Some(1), "{kind}: {}", reload.text());
        let failure = program.wait_for("reload failed");
        assert!(failure.contains("ERROR"), "{failure}");
        assert!(program.output().join("\n").contains(reason), "{kind}");
        eventually("the failed workers are gone", || (web_pids(&program) == before).then_some(()));
        assert_eq!(get(program.address("web"), "/").unwrap().status, 200);

        std::fs::remove_file(&told).unwrap();
        let reload = program.verb(&["reload"]);
        assert_eq!(reload.code, Some(0), "{kind}: {}", reload.text());
        eventually("the old workers have drained", || {
            web_pids(&program).is_disjoint(&before).then_some(())
        });
        assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
    }
}

/// A slot keeps its socket for the life of the master: its queue is handed on, never closed
/// (B45, P4).
#[test]
fn the_listeners_stay_the_same_across_generations() {
    let program = fixture().spawn().ready();
    let of_slots = |program: &Program| -> BTreeMap<String, BTreeSet<u64>> {
        let slot = |worker: Worker| {
            let slot = worker.title.split('/').next().unwrap_or_default().to_owned();
            (slot, listeners(worker.pid))
        };
        program.workers().into_iter().map(slot).collect()
    };
    program.wait_for_workers(WORKERS, 1);
    let before = of_slots(&program);
    assert!(before.values().all(|listeners| listeners.len() == 1), "{before:?}");
    for (generation, signal) in [(2, Signal::SIGUSR1), (3, Signal::SIGUSR2)] {
        program.signal(signal);
        settle(&program, generation);
        assert_eq!(of_slots(&program), before);
    }
    crate::replace(&program, &program.workers()[0], Signal::SIGKILL);
    assert_eq!(of_slots(&program), before);
}

/// A worker that hangs is replaced like any other; it is killed when its drain is over, while the
/// verb knows long before that the reload has succeeded (P19, P49, P52).
#[test]
fn a_hung_worker_does_not_hold_up_a_reload() {
    let program = with_pid_file().env("RUNNER_SERVER_WEB__DRAIN_TIMEOUT", "2s").spawn().ready();
    let mut stuck = connect(program.address("web")).unwrap();
    stuck.write_all(b"GET /block HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    program.wait_for("blocking");
    let stopped = program.workers_of("echo").remove(0);
    stopped.signal(Signal::SIGSTOP);

    let reload = program.verb(&["reload"]);
    assert_eq!(reload.code, Some(0), "{}", reload.text());
    assert!(program.count("told to, but not in time") == 0, "it was faster than the deadline");
    program.wait_for("told to, but not in time, SIGKILL");
    // The stopped one has the default deadline, which is too long to wait for.
    stopped.signal(Signal::SIGCONT);
    settle(&program, 2);
}

/// Reloads that come faster than drains end do not pile up processes: the oldest that drain are
/// stopped (P17, P19).
#[test]
fn slow_drains_do_not_pile_up() {
    let program = fixture().spawn().ready();
    let web = program.address("web");
    let mut held = Vec::new();
    for generation in 1..=8 {
        for _ in 0..8 {
            let mut client = connect(web).unwrap();
            client.write_all(b"GET /slow?600000 HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
            held.push(client);
        }
        program.signal(Signal::SIGUSR2);
        program.wait_for(&format!("reload finished generation={}", generation + 1));
    }
    eventually("few generations are left", || {
        let workers = program.workers_of("web").len();
        (workers <= 2 * (1 + 4)).then_some(())
    });
    let began = Instant::now();
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
    assert!(began.elapsed() < Duration::from_secs(15));
}

/// A reload that is under way when the program is told to stop ends with it.
#[test]
fn a_stop_during_a_reload_wins() {
    let program = fixture().spawn().ready();
    std::fs::write(program.directory().join("fixture_worker"), "sleep 2").unwrap();
    program.signal(Signal::SIGUSR2);
    program.wait_for_nth("hook worker_start", 3);
    let starting: Vec<i32> = workers_of(program.pid()).iter().map(|worker| worker.pid).collect();
    let began = Instant::now();
    let ended = program.stop(Signal::SIGQUIT);
    assert_eq!(ended.code, Some(0), "{}", ended.text());
    assert!(began.elapsed() < Duration::from_secs(15));
    for pid in starting {
        wait_until_gone(pid, Duration::from_secs(1));
    }
}

fn web_pids(program: &Program) -> BTreeSet<i32> {
    let workers = program.workers_of("web");
    workers.iter().map(|worker| worker.pid).collect()
}
