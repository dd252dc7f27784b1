//! Restarts by USR1, and workers that are replaced because they ended.

use crate::{WORKERS, fixture, settle};
use nix::sys::signal::Signal;
use runner_tests::{Program, Worker, children_of, eventually, get, signal_mask, threads_of};
use std::process::Command;
use std::time::{Duration, Instant};

/// USR1 replaces every worker, once, also the second time. Nobody else in the process group of the
/// program is signalled by that, least of all the master by itself (R14, P28).
#[test]
fn usr1_replaces_every_worker() {
    let mut bystander = Command::new("sleep").arg("600").spawn().unwrap();
    let program = fixture().spawn().ready();
    let mut before = pids(&program.wait_for_workers(WORKERS, 1));
    for generation in [2, 3] {
        program.signal(Signal::SIGUSR1);
        settle(&program, generation);
        let after = pids(&program.workers());
        assert!(before.iter().all(|pid| !after.contains(pid)));
        before = after;
    }
    assert_eq!(get(program.address("web"), "/").unwrap().status, 200);
    assert_eq!(program.count("signal received"), 2, "{:?}", program.output());
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
    let ended = bystander.try_wait();
    bystander.kill().unwrap();
    bystander.wait().unwrap();
    assert_eq!(ended.unwrap(), None);
}

/// However many restarts and reloads are asked for while others are under way, in the end every
/// slot has one worker, of the newest generation, and a stop takes them all (B2, P20, P31).
#[test]
fn a_storm_of_signals_never_doubles_or_loses_a_worker() {
    let storms: [&[Signal]; 3] = [
        &[Signal::SIGUSR1],
        &[Signal::SIGUSR2],
        &[Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGHUP],
    ];
    for signals in storms {
        let program = fixture().spawn().ready();
        let began = Instant::now();
        let mut random = 88_172_645_463_325_252_u64;
        for sent in 1..=200 {
            program.signal(signals[sent % signals.len()]);
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // Both bursts and gaps that fall into the middle of a replacement.
            let due = Duration::from_millis(10) * u32::try_from(sent).unwrap();
            let jitter = Duration::from_micros(random % 10_000);
            while began.elapsed() + Duration::from_millis(5) < due + jitter {
                std::thread::park_timeout(Duration::from_micros(200));
            }
        }
        settle_after_storm(&program);
        assert_eq!(program.count("crashed"), 0);
        let workers = pids(&program.workers());
        let ended = program.stop(Signal::SIGTERM);
        assert_eq!(ended.code, Some(0), "{}", ended.text());
        crate::assert_gone(workers);
    }
}

/// A signal that arrives while the master is busy with something else, as with the end of a worker,
/// is acted upon then, and not when the next thing happens (P30).
#[test]
fn no_signal_waits_for_another_event() {
    let program = fixture().spawn().ready();
    let mut generation = 1;
    for round in 0..30 {
        let victim = program.wait_for_workers(WORKERS, generation).swap_remove(0);
        victim.signal(Signal::SIGKILL);
        // From before the master can have noticed to after it has forked again.
        std::thread::park_timeout(Duration::from_micros(round * 150));
        program.signal(Signal::SIGUSR1);
        generation += 1;
    }
    settle(&program, generation);
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// A worker acts on no signal that is meant for the master: not the first one, not one that took
/// the place of another. What ends it ends it alone (B2, B41, P37).
#[test]
fn a_signal_to_a_worker_concerns_no_other() {
    let program = fixture().spawn().ready();
    for round in 0..2 {
        for signal in [Signal::SIGTERM, Signal::SIGQUIT, Signal::SIGKILL, Signal::SIGABRT] {
            let before = program.wait_for_workers(WORKERS, 1);
            let victim = &before[round];
            for ignored in [Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2] {
                victim.signal(ignored);
            }
            assert!(children_of(victim.pid).is_empty(), "a worker has forked");
            crate::replace(&program, victim, signal);
            let after = pids(&program.workers());
            let left = pids(&before).into_iter().filter(|pid| after.contains(pid));
            assert_eq!(left.count(), WORKERS - 1, "{signal}");
            assert!(!after.contains(&victim.pid), "{signal}");
        }
    }
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// No worker starts with a blocked signal, whichever way it came to be (B2, P38, P40).
#[test]
fn every_worker_hears_its_signals() {
    let program = fixture().env("RUNNER_SERVER_WEB__THREADS", "2").spawn().ready();
    crate::replace(&program, &program.workers()[0], Signal::SIGKILL);
    for (generation, signal) in [(1, None), (2, Some(Signal::SIGUSR1)), (3, Some(Signal::SIGUSR2))]
    {
        if let Some(signal) = signal {
            program.signal(signal);
        }
        settle(&program, generation);
        for Worker { pid, title } in program.workers() {
            let bit = |signal: Signal| 1_u64 << (signal as u32 - 1);
            let all = |signals: &[Signal]| signals.iter().map(|signal| bit(*signal)).sum::<u64>();
            let ignored =
                [Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGPIPE];
            // The main thread takes none, so that those who can act upon them get them.
            for thread in &threads_of(pid)[1..] {
                eventually(&format!("{title} hears its signals"), || {
                    (signal_mask(*thread, "SigBlk") == 0).then_some(())
                });
            }
            // Those above are the real-time ones, left as whoever has started the test had them.
            let standard = u64::from(u32::MAX >> 1);
            assert_eq!(signal_mask(pid, "SigIgn") & standard, all(&ignored), "{title}");
            let handled = all(&[Signal::SIGTERM, Signal::SIGQUIT]);
            let caught = signal_mask(pid, "SigCgt");
            assert_eq!(caught & handled, handled, "{title}");
            assert_eq!(caught & bit(Signal::SIGCHLD), 0, "{title}");
        }
    }
}

/// A worker is signalled within the first milliseconds of its life, and heard (P21).
#[test]
fn a_signal_right_after_the_fork_is_not_lost() {
    for step in 0..25 {
        let program = fixture().spawn().ready();
        let before = pids(&program.wait_for_workers(WORKERS, 1));
        // The successors are forked now; the stop reaches them at any moment of their start.
        program.signal(Signal::SIGUSR1);
        eventually("a successor is forked", || {
            let children = children_of(program.pid());
            children.iter().any(|pid| !before.contains(pid)).then_some(())
        });
        let began = Instant::now();
        while began.elapsed() < Duration::from_micros(step * 200) {
            std::hint::spin_loop();
        }
        let began = Instant::now();
        let ended = program.stop(Signal::SIGTERM);
        assert_eq!(ended.code, Some(0), "{}", ended.text());
        assert!(!ended.says("SIGKILL"), "{}", ended.text());
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}

/// A worker that is killed has a successor at once: nobody polls (R16, B7).
#[test]
fn a_killed_worker_is_replaced_at_once() {
    let program = fixture().spawn().ready();
    let mut took = Vec::new();
    // One kill per slot, each after a life that counts as stable: no back-off comes into it.
    let began = Instant::now();
    let before = program.wait_for_workers(WORKERS, 1);
    eventually("the workers are stable", || {
        (began.elapsed() > Duration::from_millis(1200)).then_some(())
    });
    for (worker, killed) in before.iter().zip(1..) {
        let began = Instant::now();
        worker.signal(Signal::SIGKILL);
        program.wait_for_nth("worker ready", WORKERS + killed);
        took.push(began.elapsed());
    }
    took.sort();
    println!("respawned in {took:?}");
    assert!(took[1] < Duration::from_millis(500), "{took:?}");
    assert_eq!(program.count("waiting before the next try"), 0);
}

fn pids(workers: &[Worker]) -> Vec<i32> {
    workers.iter().map(|worker| worker.pid).collect()
}

/// Waits until nothing moves any more: one worker per slot, all of the generation that is newest.
fn settle_after_storm(program: &Program) {
    eventually("the storm is over", || {
        let workers = program.workers();
        let newest = workers.iter().map(Worker::serving_generation).max()?;
        let settled = workers.iter().all(|worker| worker.serving_generation() == newest);
        let mut places: Vec<_> =
            workers.iter().filter_map(|worker| worker.title.split('/').next()).collect();
        places.sort_unstable();
        let whole = places == ["echo 0", "web 0", "web 1"];
        let alone = children_of(program.pid()).len() == WORKERS;
        (newest.is_some() && settled && whole && alone).then_some(())
    });
}
