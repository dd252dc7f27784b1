//! Workers that are well and are replaced all the same: by their limits, within the budget.

use crate::{WORKERS, fixture};
use nix::sys::signal::Signal;
use runner_tests::{Program, eventually, get};
use std::collections::BTreeSet;

fn pids(program: &Program, server: &str) -> BTreeSet<i32> {
    program.workers_of(server).iter().map(|worker| worker.pid).collect()
}

/// Waits until other workers serve than those.
fn wait_for_others(program: &Program, before: &BTreeSet<i32>) {
    eventually("other workers serve", || {
        let now = program.workers_of("web");
        let others =
            now.iter().all(|worker| !before.contains(&worker.pid) && worker.serves_since(1));
        (now.len() == before.len() && others).then_some(())
    });
}

/// Nobody notices (P48).
#[test]
fn workers_with_their_requests_are_replaced() {
    let program = fixture().env("RUNNER_SERVER_WEB__MAX_REQUESTS", "30").spawn().ready();
    let before = pids(&program, "web");
    let address = program.address("web");
    for request in 0..400 {
        assert_eq!(get(address, "/").unwrap().status, 200, "request {request}");
    }
    wait_for_others(&program, &before);
    let due = program.count("worker will be replaced");
    assert!((2..=16).contains(&due), "{due} replaced for 400 requests of 27 to 33 each");
    let ended = program.stop(Signal::SIGTERM);
    assert!(ended.says("replaced for its `max_requests`, exit code 0"), "{}", ended.text());
    // To the master they are neither crashes nor late.
    assert!(!ended.says("waiting before the next try"), "{}", ended.text());
}

#[test]
fn workers_of_age_are_replaced() {
    let program = fixture().env("RUNNER_SERVER_WEB__MAX_LIFETIME", "1s").spawn().ready();
    let (before, echo) = (pids(&program, "web"), pids(&program, "echo"));
    wait_for_others(&program, &before);
    assert_eq!(pids(&program, "echo"), echo);
    program.wait_for("replaced for its `max_lifetime`");
}

#[test]
fn a_worker_that_grows_is_replaced() {
    let program = fixture().env("RUNNER_SERVER_WEB__MAX_MEMORY", "48MiB").spawn().ready();
    assert_eq!(get(program.address("web"), "/eat?64").unwrap().status, 200);
    let due = program.wait_for("worker will be replaced");
    assert!(due.contains("max_memory"), "{due}");
    program.wait_for("replaced for its `max_memory`, exit code 0");
    assert_eq!(program.count("worker will be replaced"), 1, "the other one has not grown");
}

/// Where there is no room for two, the old worker goes first, and there is never one too many.
#[test]
fn the_budget_is_kept_without_surge() {
    let program = fixture()
        .env("RUNNER_SERVER_WEB__WORKERS", "4")
        .env("RUNNER_SERVER_WEB__MAX_SURGE", "0")
        .env("RUNNER_SERVER_WEB__MAX_UNAVAILABLE", "1")
        .spawn()
        .ready();
    program.signal(Signal::SIGUSR2);
    let mut reloaded = false;
    while !reloaded {
        reloaded = program.count("reload finished") > 0;
        let workers = program.workers_of("web");
        assert!(workers.len() <= 4, "{workers:?}");
        let serving = workers.iter().filter(|worker| worker.serves_since(1)).count();
        assert!(serving >= 2, "one leaves, and one may have left since it was seen: {workers:?}");
        assert_eq!(get(program.address("web"), "/").unwrap().status, 200);
    }
    program.wait_for_workers(WORKERS + 2, 2);
}
