//! What nobody plans: signals in any order, workers that die, stop, hang and cannot start, and a
//! master that is killed, while a checker watches the processes.
//!
//! The decisions of a run follow from its seed, which is printed with the steps when it fails:
//! `CHAOS_SEED=SEED cargo test -p runner-tests --test chaos` takes them again, `CHAOS_SECONDS=N`
//! sets how long it goes on.

mod crash_loop;
mod driver;
mod hang;
mod kills;
mod life;
mod plan;
mod watch;

use nix::unistd::{Uid, User};
use runner_tests::{Program, Start};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The program under test: an http server `web` with three workers, and a tcp server `echo` with
/// two.
const CHAOS: &str = env!("CARGO_BIN_EXE_chaos");

/// How long a run of chaos goes on, unless `CHAOS_SECONDS` says otherwise; half as long for those who
/// differ in one thing only.
const SECONDS: u64 = 20;

/// Whatever happens to the processes, as soon as it ends the right number of workers serves, and
/// the program leaves nothing behind (P31, P34, P49).
#[test]
fn whatever_happens_all_workers_come_back() {
    life::run(seed(), length(), settings());
}

/// The same with workers of another user, whom their master may signal and they not it.
#[test]
fn whatever_happens_workers_of_another_user_come_back() {
    if !Uid::effective().is_root() || !User::from_name("nobody").is_ok_and(|user| user.is_some()) {
        println!("skipped: this takes root and a user `nobody`");
        return;
    }
    let prepare = settings();
    life::run(seed(), length() / 2, |start| {
        let open = PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(start.directory(), open).expect("our directory");
        prepare(start)
            .env("RUNNER_SERVER_WEB__USER", "nobody")
            .env("RUNNER_SERVER_ECHO__USER", "nobody")
    });
}

/// The same with workers that are executed and not only forked.
#[test]
fn whatever_happens_executed_workers_come_back() {
    let prepare = settings();
    life::run(seed(), length() / 2, |start| prepare(start).env("RUNNER_MASTER__SPAWN", "exec"));
}

/// The program on ports of its own.
fn program() -> Start {
    Program::new(CHAOS)
}

/// Gives a program short limits, and ports that are the same each time it is started.
fn settings() -> impl Fn(Start) -> Start {
    let ports = ["WEB", "ECHO"].map(|server| (server, free_address()));
    move |start| {
        ports.iter().fold(start, |start, (server, address)| {
            let name = |option: &str| format!("RUNNER_SERVER_{server}__{option}");
            start
                .env(&name("BIND"), &address.to_string())
                .env(&name("START_TIMEOUT"), "2s")
                .env(&name("DRAIN_TIMEOUT"), "1s")
                .env(&name("HEARTBEAT_TIMEOUT"), "2s")
                .env(&name("MAX_RESTARTS"), "100000")
        })
    }
}

/// An address with a port that is free now.
fn free_address() -> SocketAddr {
    let probe = TcpListener::bind("127.0.0.1:0").expect("a free port");
    probe.local_addr().expect("an address")
}

fn seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    number("CHAOS_SEED").unwrap_or_else(|| u64::from(now.subsec_nanos()))
}

fn length() -> Duration {
    Duration::from_secs(number("CHAOS_SECONDS").unwrap_or(SECONDS))
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: expected a number, got `{text}`")))
}
