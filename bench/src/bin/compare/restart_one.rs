//! Workers that are replaced without a pause, one after the other, under connections that are all
//! new.
//!
//! It is done by reloads, which replace one of four at a time. QUIT to a worker itself cannot do so:
//! one that leaves unasked in its first second has failed for all that the master knows, and its slot
//! waits. Nor can scaling: a worker that is one too many stays for the handshakes that are in flight.

use crate::cli::Options;
use crate::clients::{Clients, Outcome, Usage};
use crate::figure::Figure;
use crate::peer::sibling;
use crate::{Interrupt, Result};
use nix::sys::signal::Signal;
use runner_tests::Program;
use std::time::{Duration, Instant};

const WORKERS: usize = 4;
const CLIENTS: usize = 16;
/// Between two reloads: each worker has a hundredth of a second.
const INTERVAL: Duration = Duration::from_millis(10 * WORKERS as u64);

pub(crate) fn run(options: &Options, interrupt: &Interrupt) -> Result<Vec<Figure>> {
    let program = Program::new(sibling("bench_server")?)
        .env("RUNNER_SERVER_HELLO__BIND", "127.0.0.1:0")
        .env("RUNNER_SERVER_HELLO__WORKERS", &WORKERS.to_string())
        .spawn()
        .ready();
    let (address, requests) = (program.address("hello"), u64::from(options.count));
    let began = Instant::now();
    let clients = Clients::start(address, CLIENTS, Usage::Once, Some(requests));
    while !clients.are_done() {
        interrupt.check()?;
        program.signal(Signal::SIGUSR2);
        std::thread::sleep(INTERVAL);
    }
    let elapsed = began.elapsed();
    let seen = clients.stop()?;
    let replaced = seen.taken.len().saturating_sub(WORKERS) as f64;
    let interval = elapsed.as_secs_f64() * 1e3 / replaced;
    let mut figures = vec![
        Figure::new("workers replaced", replaced, "workers"),
        Figure::new("one each", interval, "ms"),
        Figure::new("requests", requests as f64, "requests"),
        Figure::new("of them lost", seen.failed() as f64, "requests").at_most(0.0),
    ];
    let lost = Outcome::FAILURES.into_iter().filter(|outcome| seen.count(*outcome) > 0);
    figures.extend(lost.map(|outcome| {
        Figure::new(format!("… {}", outcome.name()), seen.count(outcome) as f64, "requests")
    }));
    Ok(figures)
}
