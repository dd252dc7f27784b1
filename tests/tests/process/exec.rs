//! Workers that are made by executing the program again.

use crate::{FIXTURE, WORKERS, assert_gone, fixture, replace, settle};
use nix::sys::signal::Signal;
use runner_tests::{Program, Start, connect, get, listeners};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;

fn executed() -> Start {
    fixture().env("RUNNER_MASTER__SPAWN", "exec")
}

/// Where the program is in the memory of a process.
fn place_in_memory(pid: i32) -> String {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("a process of ours");
    maps.split('-').next().unwrap_or_default().to_owned()
}

#[test]
fn each_worker_has_an_address_space_of_its_own() {
    let places = |start: Start| -> BTreeSet<String> {
        let program = start.spawn().ready();
        let master = place_in_memory(program.pid());
        let workers = program.workers().into_iter().map(|worker| place_in_memory(worker.pid));
        workers.chain([master]).collect()
    };
    assert_eq!(places(fixture()).len(), 1, "a fork copies");
    assert_eq!(places(executed()).len(), WORKERS + 1);
}

/// All that holds for forked workers: sockets, reload, restart, crash, drain.
#[test]
fn they_live_as_forked_ones_do() {
    let program = executed().spawn().ready();
    settle(&program, 1);
    for worker in program.workers() {
        assert_eq!(listeners(worker.pid).len(), 1, "{worker:?}");
    }
    let address = program.address("web");
    assert_eq!(get(address, "/").unwrap().text(), "hello\n");
    for (generation, signal) in [(2, Signal::SIGUSR2), (3, Signal::SIGUSR1)] {
        program.signal(signal);
        settle(&program, generation);
        assert_eq!(get(address, "/").unwrap().status, 200);
    }
    replace(&program, &program.workers()[0], Signal::SIGKILL);
    assert_eq!(get(address, "/variables").unwrap().text(), "0\n", "the hand-over can be seen");
    let workers: Vec<_> = program.workers().iter().map(|worker| worker.pid).collect();
    let ended = program.stop(Signal::SIGQUIT);
    assert_eq!(ended.code, Some(0), "{}", ended.text());
    assert!(ended.says("hook worker_stop web"), "{}", ended.text());
    assert_gone(workers);
}

#[test]
fn their_output_goes_where_the_configuration_says() {
    let program = executed().env("RUNNER_SERVER_WEB__STDOUT", "web.log").spawn().ready();
    assert_eq!(get(program.address("web"), "/print").unwrap().status, 200);
    let printed = fs::read_to_string(program.directory().join("web.log")).unwrap();
    assert!(printed.contains("printed to stdout"), "{printed}");
}

/// What a worker executes is the file that the master was made of, not what has its name now.
#[test]
fn the_file_of_the_program_may_be_gone() {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("program");
    fs::copy(FIXTURE, &copy).unwrap();
    let program = Program::new(&copy).env("RUNNER_MASTER__SPAWN", "exec").spawn().ready();
    fs::write(directory.path().join("other"), "#!/bin/false\n").unwrap();
    fs::rename(directory.path().join("other"), &copy).unwrap();
    replace(&program, &program.workers()[0], Signal::SIGKILL);
    assert_eq!(get(program.address("web"), "/").unwrap().status, 200);
}

#[test]
fn a_worker_that_cannot_start_says_why() {
    let ended = executed().env("FIXTURE_WORKER", "error").run();
    assert_eq!(ended.code, Some(1), "{}", ended.text());
    assert!(ended.says("cannot start: worker web"), "{}", ended.text());
    assert!(ended.says("no database"), "{}", ended.text());
}

/// Nobody but a master can make a worker, or another master.
#[test]
fn a_hand_over_that_is_none_is_an_error() {
    for errand in ["worker", "trial", "master", "king"] {
        for number in ["", "x", "-1", "0", "77", "99999999999"] {
            let value = format!("{errand}:{number}");
            let ended = fixture().env("RUNNER_HAND_OVER", &value).run();
            assert_eq!(ended.code, Some(1), "{value}: {}", ended.text());
            assert!(ended.says("cannot read what was handed over"), "{value}: {}", ended.text());
        }
    }
}

#[test]
fn a_worker_that_hangs_is_found_as_well() {
    let program = executed().env("RUNNER_SERVER_WEB__HEARTBEAT_TIMEOUT", "1s").spawn().ready();
    let mut client = connect(program.address("web")).unwrap();
    client.write_all(b"GET /spin HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    program.wait_for("worker hangs");
    program.wait_for_nth("worker ready", WORKERS + 1);
}

/// The master preloads once, and a fork of it has that; an executed worker does it itself.
#[test]
fn preload_runs_before_workers_do() {
    let program = fixture().env("FIXTURE_PRELOAD", "1").spawn().ready();
    let master = program.pid().to_string();
    assert_eq!(program.wait_for("hook preload"), format!("hook preload {master}"));
    assert_eq!(
        get(program.address("web"), "/preloaded").unwrap().text(),
        format!("Some({master})\n")
    );
    program.signal(Signal::SIGUSR2);
    settle(&program, 2);
    assert_eq!(program.count("hook preload"), 1);

    let program = executed().env("FIXTURE_PRELOAD", "1").spawn().ready();
    program.wait_for_nth("hook preload", WORKERS);
    let pids: BTreeSet<_> = program.workers().iter().map(|worker| worker.pid).collect();
    let preloaded = get(program.address("web"), "/preloaded").unwrap().text();
    let pid = preloaded.trim_start_matches("Some(").trim_end_matches(")\n").parse().unwrap();
    assert!(pids.contains(&pid), "{preloaded}");
}

#[test]
fn preload_that_fails_ends_the_start() {
    for (spawn, reason) in
        [("fork", "cannot start: told to fail"), ("exec", "`preload` failed: told to fail")]
    {
        let ended =
            fixture().env("RUNNER_MASTER__SPAWN", spawn).env("FIXTURE_PRELOAD", "fail").run();
        assert_eq!(ended.code, Some(1), "{}", ended.text());
        assert!(ended.says(reason), "{}", ended.text());
        assert!(!ended.says("worker ready"), "{}", ended.text());
    }
}
