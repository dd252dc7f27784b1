//! How soon workers that hang are replaced, and that a pause of everything replaces nobody.

use crate::cli::Options;
use crate::figure::{Figure, spread};
use crate::{Interrupt, Result, trial};
use nix::sys::signal::Signal;
use runner_tests::{Program, children_of, connect, get_on};
use std::io::Write;
use std::time::{Duration, Instant};

const WORKERS: usize = 4;
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(2);
/// How much longer a replacement may take.
const MARGIN: Duration = Duration::from_secs(1);

pub(crate) fn run(options: &Options, interrupt: &Interrupt) -> Result<Vec<Figure>> {
    let program = trial::prepare(WORKERS)?
        .env("RUNNER_SERVER_HEALTHY__HEARTBEAT_TIMEOUT", "2s")
        .env("RUNNER_SERVER_FAULTY__HEARTBEAT_TIMEOUT", "2s")
        .spawn()
        .ready();
    let mut figures = Vec::new();
    for (path, what) in [("/spin", "in a busy loop"), ("/block", "in a system call")] {
        let mut times = Vec::new();
        for _ in 0..options.count {
            interrupt.check()?;
            times.push(replace(&program, path)?);
        }
        let [median, p99, max] = spread(&format!("{what}: hung to replaced"), &times);
        let limit = (HEARTBEAT_TIMEOUT + MARGIN).as_secs_f64() * 1e3;
        figures.extend([median, p99, max.at_most(limit)]);
    }
    let replaced = pause(&program, options.duration, interrupt)?;
    let what = format!("workers replaced after a pause of {:?}", options.duration);
    figures.push(Figure::new(what, replaced as f64, "workers").at_most(0.0));
    Ok(figures)
}

/// Lets a worker hang, and waits until another serves in its place.
fn replace(program: &Program, path: &str) -> Result<Duration> {
    let mut client = connect(program.address("healthy"))?;
    let pid = get_on(&mut client, "/who")?.text().trim().parse()?;
    let before = children_of(program.pid());
    let hung = Instant::now();
    write!(client, "GET {path} HTTP/1.1\r\nHost: trial\r\n\r\n")?;
    trial::await_successor(program, &before, pid)?;
    Ok(hung.elapsed())
}

/// Stops the master and all workers for that long; how many of the workers are gone afterwards.
fn pause(program: &Program, length: Duration, interrupt: &Interrupt) -> Result<usize> {
    let before = program.workers();
    program.signal(Signal::SIGSTOP);
    before.iter().for_each(|worker| worker.signal(Signal::SIGSTOP));
    let stopped = Instant::now();
    while stopped.elapsed() < length {
        interrupt.check()?;
        std::thread::sleep(Duration::from_millis(50));
    }
    program.signal(Signal::SIGCONT);
    before.iter().for_each(|worker| worker.signal(Signal::SIGCONT));
    std::thread::sleep(HEARTBEAT_TIMEOUT * 2);
    let after = program.workers();
    Ok(before.iter().filter(|worker| !after.contains(worker)).count())
}
