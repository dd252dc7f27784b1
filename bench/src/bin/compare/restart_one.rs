//! Workers that are replaced without a pause, one after the other, under connections that are all
//! new.

use crate::cli::Options;
use crate::clients::{Clients, Outcome, Usage};
use crate::figure::Figure;
use crate::peer::sibling;
use crate::{Interrupt, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use runner_tests::{Program, children_of};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const WORKERS: usize = 4;
const CLIENTS: usize = 16;
/// Between two restarts of a worker.
const INTERVAL: Duration = Duration::from_millis(10);

/// How a worker is restarted.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Reloads, which replace one after the other, each when its successor is READY.
    Reload,
    /// A signal to the worker itself: it drains, and then another takes its place.
    Quit,
}

pub(crate) fn run(options: &Options, interrupt: &Interrupt) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (way, name) in [(Way::Reload, "by reloads"), (Way::Quit, "by QUIT to the worker")] {
        interrupt.check()?;
        figures.extend(restart(way, name, u64::from(options.count), interrupt)?);
    }
    Ok(figures)
}

fn restart(way: Way, name: &str, requests: u64, interrupt: &Interrupt) -> Result<Vec<Figure>> {
    let program = Program::new(sibling("bench_server")?)
        .env("RUNNER_SERVER_HELLO__BIND", "127.0.0.1:0")
        .env("RUNNER_SERVER_HELLO__WORKERS", &WORKERS.to_string())
        // A worker that goes unasked counts as failed.
        .env("RUNNER_SERVER_HELLO__MAX_RESTARTS", "1000000")
        .spawn()
        .ready();
    let began = Instant::now();
    let clients = Clients::start(program.address("hello"), CLIENTS, Usage::Once, Some(requests));
    let mut gone = BTreeSet::new();
    while !clients.are_done() {
        interrupt.check()?;
        match way {
            Way::Reload => {
                program.signal(Signal::SIGUSR2);
                std::thread::sleep(INTERVAL * WORKERS as u32);
            }
            Way::Quit => {
                let mut children = children_of(program.pid()).into_iter();
                if let Some(oldest) = children.find(|pid| gone.insert(*pid)) {
                    kill(Pid::from_raw(oldest), Signal::SIGQUIT)?;
                }
                std::thread::sleep(INTERVAL);
            }
        }
    }
    let elapsed = began.elapsed();
    let seen = clients.stop()?;
    let replaced = seen.taken.len().saturating_sub(WORKERS) as f64;
    for outcome in Outcome::FAILURES.into_iter().filter(|outcome| seen.count(*outcome) > 0) {
        eprintln!("{}: {}", outcome.name(), seen.count(outcome));
    }
    let lost = seen.failed() as f64;
    let interval = elapsed.as_secs_f64() * 1e3 / replaced;
    Ok(vec![
        Figure::new(format!("{name}: workers replaced"), replaced, "workers"),
        Figure::new(format!("{name}: one each"), interval, "ms"),
        Figure::new(format!("{name}: lost of {requests} requests"), lost, "requests").at_most(0.0),
    ])
}
