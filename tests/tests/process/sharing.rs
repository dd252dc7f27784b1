//! Sockets that all workers of a server accept from.

use crate::fixture;
use nix::sys::signal::Signal;
use runner_tests::{Program, Random, eventually, get, proc_status, threads_of};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

const WORKERS: usize = 4;

const WHO: &[u8] = b"GET /who HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

/// Where a server listens.
#[derive(Clone, Debug)]
enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// The fixture with four workers that share a socket.
fn sharing(unix: bool) -> (Program, Place) {
    let start = fixture()
        .env("RUNNER_SERVER_WEB__WORKERS", &WORKERS.to_string())
        .env("RUNNER_SERVER_WEB__ACCEPT", "shared")
        .env("RUNNER_SERVER_WEB__MAX_RESTARTS", "1000");
    if unix {
        let program = start.env("RUNNER_SERVER_WEB__BIND", "unix:web.socket").spawn().ready();
        let path = program.directory().join("web.socket");
        (program, Place::Unix(path))
    } else {
        let program = start.spawn().ready();
        let address = program.address("web");
        (program, Place::Tcp(address))
    }
}

impl Place {
    /// The pid of the worker that answers a new connection.
    fn ask(&self) -> i32 {
        match self {
            Self::Tcp(address) => ask(TcpStream::connect(address).expect("a listener")),
            Self::Unix(path) => ask(UnixStream::connect(path).expect("a listener")),
        }
    }
}

fn ask(mut stream: impl Read + Write) -> i32 {
    stream.write_all(WHO).expect("somebody listens");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let body = answer.split_once("\r\n\r\n").expect("a head").1;
    body.split(' ').next().and_then(|pid| pid.parse().ok()).expect("a pid")
}

/// With any number of clients each worker gets its share (P6).
#[test]
fn connections_are_shared_fairly() {
    for unix in [false, true] {
        let (program, place) = sharing(unix);
        for clients in [1, 8, 64] {
            // On a machine that is busy with something else a turn may be unlucky.
            let fair = (0..5).any(|_| {
                let shares = shares(&place, clients, 1280 / clients);
                println!("{place:?}, {clients} clients: {shares:?}");
                let least = shares.values().min().expect("workers");
                let most = shares.values().max().expect("workers");
                shares.len() == WORKERS && 2 * most <= 3 * least
            });
            assert!(fair, "{place:?}, {clients} clients");
        }
        assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
    }
}

/// How many connections each worker gets when so many clients make so many each.
fn shares(place: &Place, clients: usize, connections: usize) -> BTreeMap<i32, usize> {
    let client = || (0..connections).map(|_| place.ask()).collect::<Vec<_>>();
    let answers: Vec<_> = thread::scope(|scope| {
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        clients.into_iter().flat_map(|client| client.join().expect("no client panics")).collect()
    });
    let mut shares = BTreeMap::new();
    answers.into_iter().for_each(|pid| *shares.entry(pid).or_insert(0) += 1);
    shares
}

/// A connection wakes one worker, not all of them (P7).
#[test]
fn a_connection_wakes_one_worker() {
    const CONNECTIONS: u64 = 300;
    for unix in [false, true] {
        let (program, place) = sharing(unix);
        let threads: Vec<_> = program
            .workers_of("web")
            .iter()
            .flat_map(|worker| threads_of(worker.pid))
            .filter(|thread| proc_status(*thread)["Name"] == "accept")
            .collect();
        assert_eq!(threads.len(), WORKERS);
        let waits = || {
            let of_one = |thread: &i32| proc_status(*thread)["voluntary_ctxt_switches"].clone();
            threads.iter().map(of_one).map(|waits| waits.parse::<u64>().expect("a number")).sum()
        };
        let before: u64 = waits();
        for _ in 0..CONNECTIONS {
            place.ask();
        }
        let woken = waits() - before;
        println!("{place:?}: {woken} waits for {CONNECTIONS} connections");
        assert!(woken < 2 * CONNECTIONS, "{place:?}: {woken}");
        assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
    }
}

/// Workers that are killed one after another take nothing with them that others need (P9).
#[test]
fn kills_hold_up_nobody() {
    const KILLS: usize = 40;
    let (program, place) = sharing(false);
    let Place::Tcp(address) = place else { unreachable!("it is of TCP") };
    let done = AtomicBool::new(false);
    let random = &mut Random::new(4);
    let mut killed = BTreeSet::new();
    let (failures, longest) = thread::scope(|scope| {
        let client = scope.spawn(|| ask_until(&done, address));
        // Also if one of the following fails.
        let stop = Stop(&done);
        for _ in 0..KILLS {
            let victim = eventually("two workers serve", || {
                let mut workers = program.workers_of("web");
                // One that was killed may still be seen.
                workers.retain(|worker| {
                    worker.serving_generation().is_some() && !killed.contains(&worker.pid)
                });
                (workers.len() >= 2).then(|| workers.swap_remove(random.below(workers.len())))
            });
            killed.insert(victim.pid);
            victim.signal(Signal::SIGKILL);
        }
        drop(stop);
        client.join().expect("no client panics")
    });
    println!("{failures} requests failed, the longest wait was {longest:?}");
    assert!(failures <= KILLS, "{failures}");
    // A second, and what a busy machine takes.
    assert!(longest < Duration::from_secs(5), "{longest:?}");
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// Says that it is done, at the latest when it is dropped.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// How many requests fail until it is done, and the longest time without an answer.
fn ask_until(done: &AtomicBool, address: SocketAddr) -> (usize, Duration) {
    let (mut failures, mut longest) = (0, Duration::ZERO);
    let mut answered = Instant::now();
    while !done.load(Relaxed) {
        if get(address, "/").is_ok_and(|reply| reply.status == 200) {
            longest = longest.max(answered.elapsed());
            answered = Instant::now();
        } else {
            failures += 1;
        }
    }
    (failures, longest)
}

/// Before a server drains it can say for a while that it will, and serves everybody until then. A
/// second signal ends that (P64).
#[test]
fn a_lame_duck_serves_and_says_so() {
    for accept in ["slots", "shared"] {
        let program = fixture()
            .env("RUNNER_SERVER_WEB__LAME_DUCK", "600s")
            .env("RUNNER_SERVER_WEB__ACCEPT", accept)
            .spawn()
            .ready();
        let web = program.address("web");
        let ready = || get(web, "/ready").expect("an answer").text();
        assert_eq!(ready(), "true\n");
        program.signal(Signal::SIGQUIT);
        eventually("all workers know", || (0..20).all(|_| ready() == "false\n").then_some(()));
        assert_eq!(program.workers_of("web").len(), 2);
        assert_eq!(program.stop(Signal::SIGQUIT).code, Some(0));
    }
}
