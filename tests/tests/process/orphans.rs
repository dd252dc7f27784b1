//! Processes that lose their parents, and children that are not the master's business.

use crate::{FIXTURE, WORKERS, fixture, replace, settle};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use runner_tests::{Program, children_of, eventually, get, title_of};

/// A subreaper gets the orphans of its workers, and reaps each; its workers are replaced as ever,
/// and a command that a hook waits for keeps its status (P36).
#[test]
fn a_subreaper_reaps_orphans() {
    let program = Program::new(env!("CARGO_BIN_EXE_subreaper"))
        .args(&[FIXTURE])
        .env("FIXTURE_START", "command")
        .spawn()
        .ready();
    program.wait_for("hook command Some(7)");
    reaps_orphans(program.pid(), || get(program.address("web"), "/orphan").unwrap().status);
    replace(&program, &program.workers()[0], Signal::SIGKILL);
    assert_eq!(program.count("crashed, SIGKILL"), 1);
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// Orphans that end together with workers, many at a time, are all reaped; no end of a worker is
/// lost with them.
#[test]
fn orphans_and_workers_that_end_together_are_told_apart() {
    let program = Program::new(env!("CARGO_BIN_EXE_subreaper")).args(&[FIXTURE]).spawn().ready();
    let master = program.pid();
    for round in 1..=3 {
        for _ in 0..8 {
            assert_eq!(get(program.address("web"), "/orphan").unwrap().status, 200);
        }
        let all = eventually("the orphans are the master's", || {
            Some(children_of(master)).filter(|all| all.len() == WORKERS + 8)
        });
        // A master that is stopped finds all of them at once.
        program.signal(Signal::SIGSTOP);
        for pid in &all {
            kill(Pid::from_raw(*pid), Signal::SIGKILL).unwrap();
        }
        program.signal(Signal::SIGCONT);
        program.wait_for_nth("crashed, SIGKILL", round * WORKERS);
        settle(&program, 1);
        assert!(children_of(master).iter().all(|pid| !all.contains(pid)));
    }
    assert_eq!(program.count("crashed, SIGKILL"), 3 * WORKERS);
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// An ordinary master waits for its workers and for nobody else: the status of a child that a hook
/// has left running is there when a later hook asks for it, however many workers have ended
/// meanwhile (P36).
#[test]
fn a_child_of_a_hook_is_not_stolen() {
    let program = fixture().env("FIXTURE_START", "child").spawn().ready();
    let workers = program.wait_for_workers(WORKERS, 1);
    workers[0].signal(Signal::SIGKILL);
    program.wait_for_nth("worker ready", WORKERS + 1);
    // The workers, and a zombie.
    eventually("the child has ended", || {
        (children_of(program.pid()).len() == WORKERS + 1).then_some(())
    });
    let ended = program.stop(Signal::SIGTERM);
    assert_eq!(ended.code, Some(0), "{}", ended.text());
    assert!(ended.says("hook child Ok(Some(7))"), "{}", ended.text());
}

/// Has a worker leave a process behind, sees that the master inherits it, ends it, and waits until
/// it is gone for good.
pub(crate) fn reaps_orphans(master: i32, leave_behind: impl Fn() -> u16) {
    for _ in 0..3 {
        assert_eq!(leave_behind(), 200);
        let orphan = eventually("the master has inherited the orphan", || {
            let sleeps = |pid: &i32| title_of(*pid).is_some_and(|title| title == "sleep 600");
            children_of(master).into_iter().find(sleeps)
        });
        kill(Pid::from_raw(orphan), Signal::SIGKILL).unwrap();
        eventually("the orphan is reaped", || {
            (!children_of(master).contains(&orphan)).then_some(())
        });
    }
}
