//! What a worker holds and shows, and what the master does not do.

use crate::{fixture, settle};
use nix::sys::signal::Signal;
use runner_tests::{
    Program, children_of, descriptors, eventually, get, listeners, proc_status, sockets,
    threads_of, title_of,
};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A worker holds its own listeners and nothing of the master's or its siblings', however it came
/// to be; the master gains no descriptor by replacing workers (B44, P8, P18).
#[test]
fn a_worker_holds_its_own_descriptors_only() {
    let program = fixture()
        .env("RUNNER_SERVER_WEB__BIND", "127.0.0.1:0,127.0.0.1:0")
        .env("RUNNER_MASTER__PID_FILE", "app.pid")
        .env("RUNNER_SERVER_WEB__STDOUT", "web.log")
        .env("RUNNER_SERVER_ECHO__STDOUT", "echo.log")
        .spawn()
        .ready();
    settle(&program, 1);
    let at_first = descriptors(program.pid()).len();
    check_descriptors(&program);
    for generation in 2..=6 {
        program.signal([Signal::SIGUSR1, Signal::SIGUSR2][generation as usize % 2]);
        settle(&program, generation);
    }
    crate::replace(&program, &program.workers()[0], Signal::SIGKILL);
    check_descriptors(&program);
    assert_eq!(descriptors(program.pid()).len(), at_first, "the master gains descriptors");
}

fn check_descriptors(program: &Program) {
    let workers = program.workers();
    // Whatever this very process has been started with, and passes on.
    let inherited = descriptors(std::process::id().cast_signed());
    let of_master = listeners(program.pid());
    let mut all = BTreeSet::new();
    for worker in &workers {
        let opened = descriptors(worker.pid);
        let own = listeners(worker.pid);
        let slots = if worker.server() == "web" { 2 } else { 1 };
        assert_eq!(own.len(), slots, "{worker:?}: {opened:?}");
        assert!(own.is_subset(&of_master), "{worker:?}");
        assert!(own.is_disjoint(&all), "{worker:?} shares a listener");
        all.extend(own.iter().copied());
        // Beside its listeners: the channel to the master, and what the runtime uses for itself.
        let shared = sockets(worker.pid).intersection(&sockets(program.pid())).count();
        assert_eq!(shared, slots, "{worker:?} holds more sockets of the master");
        for sibling in workers.iter().filter(|sibling| sibling.pid != worker.pid) {
            let both = sockets(worker.pid);
            assert!(both.is_disjoint(&sockets(sibling.pid)), "{worker:?} and {sibling:?}");
        }
        let allowed = |(number, target): &(u32, String)| {
            *number <= 2
                || target.starts_with("socket:[")
                || target.starts_with("anon_inode:[eventpoll]")
                || target.starts_with("anon_inode:[eventfd]")
                // Its row, of which it holds one.
                || target.starts_with("/memfd:runner")
                || inherited.contains(&(*number, target.clone()))
        };
        let surplus: Vec<_> = opened.iter().filter(|open| !allowed(open)).collect();
        assert!(surplus.is_empty(), "{worker:?}: {surplus:?}");
        let rows = opened.iter().filter(|(_, target)| target.starts_with("/memfd:")).count();
        assert_eq!(rows, 1, "{worker:?}: {opened:?}");
    }
    assert_eq!(all, of_master);
}

/// `ps` tells the processes apart: the program, the server, the slot, the generation and the state
/// (R8).
#[test]
fn processes_have_titles() {
    let program = fixture().spawn().ready();
    program.signal(Signal::SIGUSR2);
    program.wait_for("reload finished");
    settle(&program, 2);
    let mut titles: Vec<_> = program.workers().into_iter().map(|worker| worker.title).collect();
    titles.sort();
    assert_eq!(titles, ["echo 0/2", "web 0/2", "web 1/2"]);
    assert_eq!(title_of(program.pid()).unwrap(), "fixture: master");
    // The name of the thread is the same, cut to 15 bytes; `top` and `pgrep` show it.
    assert_eq!(proc_status(program.pid())["Name"], "fixture: master");
    let names: BTreeSet<_> = children_of(program.pid())
        .into_iter()
        .map(|pid| proc_status(pid)["Name"].clone())
        .collect();
    assert_eq!(names, titles.into_iter().collect());

    let starting = fixture().env("FIXTURE_WORKER", "sleep").spawn();
    starting.wait_for_nth("hook worker_start", 2);
    let titles: Vec<_> = starting.workers().into_iter().map(|worker| worker.title).collect();
    assert!(titles.contains(&"web 0/1 starting".to_owned()), "{titles:?}");
}

/// An idle program sleeps: no tick, no poll (B7).
#[test]
fn an_idle_program_does_not_wake_up() {
    let program = fixture().spawn().ready();
    settle(&program, 1);
    get(program.address("web"), "/").unwrap();
    let pids: Vec<_> =
        program.workers().iter().map(|worker| worker.pid).chain([program.pid()]).collect();
    let wakeups = |pid: &i32| {
        let switches = |thread| proc_status(thread)["voluntary_ctxt_switches"].parse::<u64>();
        threads_of(*pid).into_iter().map(|thread| switches(thread).unwrap()).sum::<u64>()
    };
    // What the start and the request have left to do, such as the end of the connection.
    let quiet = Duration::from_millis(1500);
    let mut before: Vec<_> = pids.iter().map(wakeups).collect();
    let mut since = Instant::now();
    let began = Instant::now();
    eventually("all processes sleep for 1.5 s", || {
        let now: Vec<_> = pids.iter().map(wakeups).collect();
        if now != before {
            (before, since) = (now, Instant::now());
        }
        (since.elapsed() >= quiet).then_some(())
    });
    assert!(began.elapsed() < Duration::from_secs(6), "it wakes up now and then");
}

/// The master has one thread and no runtime, at every time (P40, P42). A worker has those of its
/// runtime and the one that waits for them.
#[test]
fn the_master_has_one_thread() {
    let program = fixture().spawn().ready();
    program.signal(Signal::SIGUSR2);
    settle(&program, 2);
    assert_eq!(proc_status(program.pid())["Threads"], "1");
    for worker in program.workers() {
        assert_eq!(proc_status(worker.pid)["Threads"], "2", "{worker:?}");
    }
    let threaded = fixture().env("RUNNER_SERVER_WEB__THREADS", "2").spawn().ready();
    let worker = &threaded.workers_of("web")[0];
    assert_eq!(proc_status(worker.pid)["Threads"], "4", "{worker:?}");
}
