//! How many requests of many are lost. `LOAD_FACTOR=10` makes it ten times as many events, which is
//! what is promised.

use crate::doomed::Doomed;
use crate::with_pid_file;
use nix::sys::signal::Signal;
use runner::Address;
use runner_tests::{Buckets, Crowd, Outcome, Program, Shape, Start, eventually, get, is_alive};

/// How the workers share an address.
const ACCEPT: [&str; 2] = ["slots", "shared"];

/// How many clients there are of each kind.
const CLIENTS: usize = 32;

/// 50 reloads under 200 000 requests.
#[test]
fn reloads_lose_nobody() {
    for accept in ACCEPT {
        let program = servers_with(4, accept).spawn().ready();
        let crowd = crowd(&program, &[Shape::PerRequest, Shape::Busy]);
        let last = 1 + u32::try_from(times(5)).unwrap();
        for generation in 2..=last {
            reload(&program, generation);
            go_on(&crowd, u64::try_from(times(400)).unwrap());
        }
        crowd_lost_nothing("reloads", accept, &crowd.disperse());
        assert_newest(&program, last);
    }
}

/// 20 upgrades under the same load (P2).
#[test]
fn upgrades_lose_nobody() {
    for accept in ACCEPT {
        let program = servers_with(4, accept).spawn().ready();
        let crowd = crowd(&program, &[Shape::PerRequest, Shape::Busy]);
        let last = 1 + u32::try_from(times(2)).unwrap();
        for _ in 2..=last {
            let upgrade = program.verb(&["upgrade"]);
            assert_eq!(upgrade.code, Some(0), "{}", upgrade.text());
            go_on(&crowd, u64::try_from(times(400)).unwrap());
        }
        crowd_lost_nothing("upgrades", accept, &crowd.disperse());
        assert_newest(&program, last);
    }
}

/// 40 000 requests with a connection for each, while the workers are replaced one by one without a
/// pause.
#[test]
fn replacements_without_end_lose_nobody() {
    for accept in ACCEPT {
        let program = servers_with(4, accept).spawn().ready();
        let crowd = crowd(&program, &[Shape::PerRequest]);
        let wanted = u64::try_from(times(4000)).unwrap();
        let mut generation = 1;
        while crowd.answered() < wanted {
            generation += 1;
            reload(&program, generation);
        }
        crowd_lost_nothing("replacements", accept, &crowd.disperse());
        assert_newest(&program, generation);
        println!("{} replaced", 4 * (generation - 1));
    }
}

/// From four workers to one and back, ten times; a reload of fewer workers than there are sockets
/// (P2).
#[test]
fn scaling_to_one_and_back_loses_nobody() {
    for accept in ACCEPT {
        let program = servers_with(4, accept).spawn().ready();
        let crowd = crowd(&program, &[Shape::PerRequest, Shape::Busy]);
        let scale = |workers: &str| {
            let scale = program.verb(&["scale", "web", workers]);
            assert_eq!(scale.code, Some(0), "{}", scale.text());
            go_on(&crowd, 200);
        };
        for _ in 0..times(1) {
            scale("1");
            scale("4");
        }
        scale("1");
        reload(&program, 2);
        crowd_lost_nothing("scaling", accept, &crowd.disperse());
        assert_newest(&program, 2);
    }
}

/// A worker that takes long to start is waited for, while the only old one answers: no time makes
/// it ready but the end of its constructor (P12, P13).
#[test]
fn a_slow_start_loses_nobody() {
    for accept in ACCEPT {
        let program = servers_with(1, accept).spawn().ready();
        let crowd = crowd(&program, &[Shape::PerRequest, Shape::Busy]);
        for generation in 2..=3 {
            let held = program.directory().join("fixture_worker");
            std::fs::write(&held, "held 2").unwrap();
            program.signal(Signal::SIGUSR2);
            program.wait_for_nth("hook worker_start", usize::try_from(generation).unwrap());
            go_on(&crowd, 1000);
            assert_answers(&program, generation - 1);
            std::fs::remove_file(held).unwrap();
            program.wait_for(&format!("reload finished generation={generation}"));
        }
        crowd_lost_nothing("slow start", accept, &crowd.disperse());
        assert_newest(&program, 3);
    }
}

/// 200 workers are killed, and no connection breaks but theirs (P1).
#[test]
fn kills_break_no_other_connection() {
    for accept in ACCEPT {
        let program = servers_with(4, accept)
            .env("RUNNER_SERVER_WEB__MAX_RESTARTS", "100000")
            .spawn()
            .ready();
        let crowd = crowd(&program, &[Shape::PerRequest, Shape::Busy]);
        let mut doomed = Doomed::default();
        for kill in 0..times(20) {
            let mut serving = program.workers_of("web");
            serving.retain(|worker| worker.serves_since(1));
            let victim = [serving.swap_remove(kill % serving.len())];
            doomed.merge(Doomed::by(&victim, |victim| {
                victim[0].signal(Signal::SIGKILL);
                eventually("it is gone", || (!is_alive(victim[0].pid)).then_some(()));
            }));
            go_on(&crowd, 100);
            eventually("enough serve", || (program.workers_of("web").len() >= 3).then_some(()));
        }
        let buckets = crowd.disperse();
        println!("kills, {accept}:\n{buckets}");
        buckets.assert_only("kills", |_, failure| doomed.permits(failure));
        program.wait_for_workers(4 + 1, 1);
        assert_newest(&program, 1);
    }
}

/// The fixture with so many workers of `web`.
pub(crate) fn servers_with(workers: usize, accept: &str) -> Start {
    with_pid_file()
        .env("RUNNER_SERVER_WEB__WORKERS", &workers.to_string())
        .env("RUNNER_SERVER_WEB__ACCEPT", accept)
}

fn crowd(program: &Program, shapes: &[Shape]) -> Crowd {
    let web = Address::Ip(program.address("web"));
    Crowd::gather(&shapes.iter().map(|shape| (*shape, &web, CLIENTS)).collect::<Vec<_>>())
}

/// Waits until so many more requests were answered.
pub(crate) fn go_on(crowd: &Crowd, more: u64) {
    let enough = crowd.answered() + more;
    eventually("it goes on", || (enough < crowd.answered()).then_some(()));
}

pub(crate) fn reload(program: &Program, generation: u32) {
    program.signal(Signal::SIGUSR2);
    program.wait_for(&format!("reload finished generation={generation}"));
}

fn crowd_lost_nothing(what: &str, accept: &str, buckets: &Buckets) {
    println!("{what}, {accept}: {} answered", buckets.total(Outcome::Answered));
    buckets.assert_only(&format!("{what}, {accept}"), |_, _| false);
}

/// When the old workers have drained, only those of this generation answer.
fn assert_newest(program: &Program, generation: u32) {
    eventually("the old workers have drained", || {
        let workers = program.workers_of("web");
        workers.iter().all(|worker| worker.serves_since(generation)).then_some(())
    });
    assert_answers(program, generation);
}

fn assert_answers(program: &Program, generation: u32) {
    for _ in 0..50 {
        let answer = get(program.address("web"), "/who").expect("an answer").text();
        assert!(answer.ends_with(&format!(" {generation}\n")), "{answer} instead of {generation}");
    }
}

/// So many, or as many times more as `LOAD_FACTOR` says.
pub(crate) fn times(count: usize) -> usize {
    let factor = std::env::var("LOAD_FACTOR").unwrap_or_else(|_| "1".to_owned());
    count * factor.parse::<usize>().expect("LOAD_FACTOR is a number")
}
