//! The order of the hooks, and what a hook can and cannot break.

use crate::{WORKERS, fixture, settle};
use nix::sys::signal::Signal;
use runner_tests::Ended;

/// `start` comes when every server is READY, `stop` when every worker is gone. In between each
/// worker starts and stops exactly once, whichever way it is told to, and each of its ends is told
/// exactly once (R11, B3, B8, B46).
#[test]
fn hooks_come_in_order_and_once() {
    let stops = [&[Signal::SIGTERM][..], &[Signal::SIGQUIT], &[Signal::SIGQUIT, Signal::SIGTERM]];
    for signals in stops {
        for replacements in [&[][..], &[Signal::SIGUSR1], &[Signal::SIGUSR2, Signal::SIGUSR1]] {
            let program = fixture().spawn().ready();
            for (replacement, generation) in replacements.iter().zip(2..) {
                program.signal(*replacement);
                settle(&program, generation);
            }
            for signal in signals {
                program.signal(*signal);
            }
            let ended = program.finish();
            assert_eq!(ended.code, Some(0), "{}", ended.text());
            check_order(&ended, replacements.len() + 1);
        }
    }
}

fn check_order(ended: &Ended, generations: usize) {
    let hooks: Vec<_> = ended.lines.iter().filter_map(|line| line.strip_prefix("hook ")).collect();
    let all = |name: &str| {
        let named = hooks.iter().enumerate().filter(|(_, hook)| hook.starts_with(name));
        named.map(|(index, _)| index).collect::<Vec<usize>>()
    };
    let text = ended.text();
    let (starts, stops) = (all("worker_start web"), all("worker_stop web"));
    assert_eq!(starts.len(), 2 * generations, "{text}");
    assert_eq!(stops.len(), 2 * generations, "{text}");
    let exits = all("worker_exit");
    assert_eq!(exits.len(), WORKERS * generations, "{text}");
    assert!(exits.iter().all(|exit| hooks[*exit].ends_with("true")), "{text}");
    let (start, stop) = (all("start"), all("stop"));
    assert_eq!((start.len(), stop.len()), (1, 1), "{text}");
    assert!(starts[..2].iter().all(|worker| *worker < start[0]), "{text}");
    assert!(stops.iter().chain(&exits).all(|worker| *worker < stop[0]), "{text}");
    assert_eq!(stop[0], hooks.len() - 1, "{text}");
    for server in ["web 0", "web 1"] {
        let (stopped, told) =
            (all(&format!("worker_stop {server}")), all(&format!("worker_exit {server}")));
        assert!(stopped.iter().zip(&told).all(|(stopped, told)| stopped < told), "{text}");
    }
}

/// A `start` hook that fails or panics ends the program with failure; nobody serves on (B8).
#[test]
fn a_failing_start_hook_ends_the_program() {
    for (kind, reason) in [("fail", "told to fail"), ("panic", "panicked")] {
        let ended = fixture().env("FIXTURE_START", kind).run();
        assert_eq!(ended.code, Some(1), "{}", ended.text());
        let line = ended.lines.iter().find(|line| line.contains("hook failed"));
        assert!(line.is_some_and(|line| line.contains(reason)), "{}", ended.text());
        assert!(!ended.says(" ready pid="), "{}", ended.text());
    }
}

/// A process that a hook starts has its own exit status; the supervision does not collect it, and
/// it gets none of the master's blocked signals (P36).
#[test]
fn a_command_in_a_hook_keeps_its_exit_status() {
    let program = fixture().env("FIXTURE_START", "command").spawn().ready();
    program.wait_for("hook command Some(7)");
    let blocked = program.wait_for("hook signals ");
    assert!(blocked.ends_with("SigBlk:\t0000000000000000"), "{blocked}");
}

/// A hook that panics when a worker has ended changes nothing about its successor (P41).
#[test]
fn a_panic_in_worker_exit_does_not_end_the_supervision() {
    let program = fixture().env("FIXTURE_EXIT", "panic").spawn().ready();
    for round in 1..=2 {
        program.workers()[0].signal(Signal::SIGKILL);
        program.wait_for_nth("hook failed hook=\"worker_exit\"", round);
        program.wait_for_nth("worker ready", WORKERS + round);
    }
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}
