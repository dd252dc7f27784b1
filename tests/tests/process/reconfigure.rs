//! A configuration that changes while the program runs: only what is different is touched.

use crate::{WORKERS, fixture, free_address};
use nix::sys::signal::Signal;
use nix::unistd::Uid;
use runner_tests::{Program, Start, children_of, descriptors, eventually, get, load, memory};
use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The fixture with a pid file, and with this in its configuration.
pub(crate) fn configured(text: &str) -> Start {
    fixture().file("runner.toml", &file(text))
}

/// Gives the program another configuration.
pub(crate) fn rewrite(program: &Program, text: &str) {
    let path = program.directory().join("runner.toml");
    fs::write(path.with_extension("new"), file(text)).unwrap();
    fs::rename(path.with_extension("new"), path).unwrap();
}

/// Has the program read its configuration, and returns what it says of it.
pub(crate) fn reconfigure(program: &Program) -> String {
    let told = program.verb(&["reconfigure"]);
    assert_eq!(told.code, Some(0), "{}", told.text());
    told.text()
}

/// The same for a configuration that cannot be had.
pub(crate) fn refused(program: &Program, verb: &str) -> String {
    let told = program.verb(&[verb]);
    assert_eq!(told.code, Some(1), "{}", told.text());
    told.text()
}

/// The workers of a server.
pub(crate) fn pids(program: &Program, server: &str) -> BTreeSet<i32> {
    program.workers_of(server).iter().map(|worker| worker.pid).collect()
}

/// Waits until each worker of a server is another one than before, and none of them is left.
pub(crate) fn wait_for_others(program: &Program, server: &str, before: &BTreeSet<i32>) {
    eventually("the old workers are gone", || {
        let workers = program.workers_of(server);
        let new = workers.iter().all(|it| !before.contains(&it.pid) && it.serves_since(1));
        (new && workers.len() == before.len()).then_some(())
    });
}

fn file(text: &str) -> String {
    format!("[master]\npid_file = \"app.pid\"\n{text}")
}

/// What is the same is left alone, however it is written.
#[test]
fn nothing_happens_to_what_is_the_same() {
    let text = "[server.web]\nkeep_alive = \"60s\"\nbind = \"127.0.0.1:0\"\n";
    let program = configured(text).spawn().ready();
    let before = program.wait_for_workers(WORKERS, 1);
    program.signal(Signal::SIGHUP);
    program.wait_for("log files reopened");
    assert_eq!(reconfigure(&program), "unchanged");
    rewrite(&program, &format!("# Another line.\n{text}workers = 0x2"));
    assert_eq!(reconfigure(&program), "unchanged");
    assert_eq!(program.workers(), before);
    assert_eq!(program.count("reload"), 0);
}

/// A number that was asked for holds until another one is configured (P39).
#[test]
fn only_another_number_of_workers_is_a_resize() {
    let program = configured("[server.web]\nworkers = 2").spawn().ready();
    let before = pids(&program, "web");
    rewrite(&program, "[server.web]\nworkers = 4");
    assert_eq!(reconfigure(&program), "web: workers 2 → 4");
    assert_eq!(pids(&program, "web").len(), 4);
    assert!(pids(&program, "web").is_superset(&before), "nobody was replaced");
    rewrite(&program, "[server.web]\nworkers = 1");
    assert_eq!(reconfigure(&program), "web: workers 4 → 1");
    assert!(pids(&program, "web").is_subset(&before));

    assert_eq!(program.verb(&["scale", "web", "3"]).code, Some(0));
    assert_eq!(reconfigure(&program), "unchanged");
    rewrite(&program, "[server.web]\nworkers = 1\nmax_surge = \"50%\"");
    assert_eq!(reconfigure(&program), "web: max_surge \"25%\" → \"50%\"");
    assert_eq!(pids(&program, "web").len(), 3);
    assert_eq!(program.verb(&["reload"]).code, Some(0));
    rewrite(&program, "[server.web]\nworkers = 2");
    let told = reconfigure(&program);
    assert_eq!(told, "web: workers 1 → 2, max_surge \"50%\" → \"25%\"");
    assert_eq!(pids(&program, "web").len(), 2);
    assert_eq!(program.count("INFO scaled"), 4, "{}", program.output().join("\n"));
}

/// A server whose workers have to know is reloaded, and no other.
#[test]
fn only_the_server_that_is_different_is_reloaded() {
    let program = configured("").spawn().ready();
    let echo = pids(&program, "echo");
    let mut changes = vec![
        ("keep_alive = \"5s\"", "keep_alive \"60s\" → \"5s\""),
        ("stdout = \"/dev/null\"", "stdout not set → \"/dev/null\""),
        ("max_connections = 100", "max_connections not set → 100"),
        ("drain_timeout = \"5s\"", "drain_timeout \"30s\" → \"5s\""),
        ("rlimits.core = 0", "rlimits.core not set → \"0B\""),
    ];
    if Uid::effective().is_root() {
        changes.push(("user = \"nobody\"", "user not set → \"nobody\""));
    } else {
        println!("as an ordinary user the workers have the user of the master");
    }
    let web = program.address("web");
    let load = load(web, 4);
    for (line, expected) in changes {
        let before = pids(&program, "web");
        rewrite(&program, &format!("[server.web]\n{line}"));
        let told = reconfigure(&program);
        assert!(told.contains(expected) && told.ends_with("; by new workers"), "{told}");
        wait_for_others(&program, "web", &before);
        assert_eq!(pids(&program, "echo"), echo, "{line}");
        rewrite(&program, "");
        let before = pids(&program, "web");
        program.signal(Signal::SIGHUP);
        wait_for_others(&program, "web", &before);
    }
    assert_eq!(load.stop(), Vec::<String>::new());
}

/// A reload and a restart go by the file as well, with all workers.
#[test]
fn a_reload_and_a_restart_read_the_configuration() {
    let program = configured("").spawn().ready();
    for (generation, verb, workers) in [(2, "reload", 3), (3, "restart", 1)] {
        let before = pids(&program, "echo");
        rewrite(&program, &format!("[server.web]\nworkers = {workers}\nthreads = {workers}"));
        let told = program.verb(&[verb]);
        assert_eq!(told.code, Some(0), "{}", told.text());
        let now = format!("{verb}ed: {} workers serve", workers + 1);
        assert!(told.says("web: workers ") && told.says(&now), "{}", told.text());
        program.wait_for_workers(workers + 1, generation);
        wait_for_others(&program, "echo", &before);
    }
    rewrite(&program, "[server.web]\nworkers = 2\nthreads = 2");
    program.signal(Signal::SIGUSR2);
    program.wait_for_workers(WORKERS, 4);
    rewrite(&program, "");
    program.signal(Signal::SIGUSR1);
    program.wait_for_workers(WORKERS, 5);
}

/// What the master itself can change to it does; of the rest it says that it waits for the start.
#[test]
fn the_master_changes_what_it_can() {
    let program = configured("stderr = \"old.log\"").spawn();
    let at = |name: &str| program.directory().join(name);
    let log = |name: &str, text: &str| {
        eventually(&format!("{name} says `{text}`"), || {
            fs::read_to_string(at(name)).is_ok_and(|log| log.contains(text)).then_some(())
        });
    };
    log("old.log", " ready pid=");
    let before = program.workers();
    rewrite(&program, "stderr = \"new.log\"\nterm = \"graceful\"\numask = \"077\"\n");
    let told = reconfigure(&program);
    for part in
        ["new.log", "term \"now\" → \"graceful\"", "umask not set → \"077\" takes effect when"]
    {
        assert!(told.contains(part), "{told}");
    }
    assert!(told.contains("(from runner.toml:5:9)"), "{told}");
    assert_eq!(program.workers(), before);
    for pid in before.iter().map(|worker| worker.pid).chain([program.pid()]) {
        let error = descriptors(pid).into_iter().find(|(number, _)| *number == 2).unwrap().1;
        assert!(error.ends_with("new.log"), "{error}");
    }
    assert!(reconfigure(&program).contains("umask"), "it still waits");
    program.signal(Signal::SIGTERM);
    log("new.log", "told to, exit code 0");
    assert_eq!(program.finish().code, Some(0));
}

/// However many signals come, in the end there are the workers that are configured, and the master
/// is as big as before (P18).
#[test]
fn changes_without_end_leave_nothing_behind() {
    let [one, other] = [free_address(), free_address()];
    let texts = [
        format!("[server.web]\nbind = \"{one}\"\nworkers = 3\nstdout = \"one.log\"\n"),
        format!("[server.web]\nbind = [\"{one}\", \"{other}\"]\nworkers = 2\nmax_requests = 9\n"),
    ];
    let program = configured(&texts[0]).spawn().ready();
    let change = |rounds: RangeInclusive<usize>| {
        for round in rounds {
            rewrite(&program, &texts[round % 2]);
            program.signal(Signal::SIGHUP);
            program.wait_for_nth("reload finished", round);
        }
    };
    change(1..=20);
    let settled = || {
        program.wait_for_workers(4, 1);
        eventually("the old workers are reaped", || {
            (children_of(program.pid()).len() == 4).then_some(())
        });
        (descriptors(program.pid()).len(), memory(program.pid()))
    };
    let (files, bytes) = settled();
    change(21..=100);
    let (files_after, bytes_after) = settled();
    assert_eq!(files_after, files);
    assert!(bytes_after < bytes + (1 << 20), "{bytes} bytes have become {bytes_after}");

    for round in 0..200 {
        rewrite(&program, &texts[round % 2]);
        program.signal(Signal::SIGHUP);
        std::thread::park_timeout(Duration::from_millis(10));
    }
    rewrite(&program, &texts[0]);
    reconfigure(&program);
    settled();
    assert_eq!(get(one, "/").unwrap().status, 200);
    assert_eq!(descriptors(program.pid()).len(), files);
}
