//! What the supervision of a program is put through.

use crate::cli::Options;
use crate::figure::Figure;
use crate::peer::sibling;
use crate::{Interrupt, Result, crash_loop, hang, heap, kills, restart_one, start};
use nix::sys::signal::Signal;
use runner_tests::{Program, Start, Worker, children_of};
use std::time::{Duration, Instant};

/// From the end of a worker until another serves, at most.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(60);
/// Between two looks at the processes.
const LOOK_INTERVAL: Duration = Duration::from_micros(100);

/// What is measured of a runner program alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trial {
    /// Workers that are killed under load.
    Kills,
    /// Workers that are replaced in good order, without a pause.
    RestartOne,
    /// Workers that abort at their start.
    CrashLoop,
    /// The time until many workers are READY, and their memory.
    Start,
    /// Respawns by a master that has much memory.
    Heap,
    /// Workers that hang, and a pause of everything.
    Hang,
}

impl Trial {
    pub(crate) fn run(self, options: &Options, interrupt: &Interrupt) -> Result<Vec<Figure>> {
        match self {
            Self::Kills => kills::run(options, interrupt),
            Self::RestartOne => restart_one::run(options, interrupt),
            Self::CrashLoop => crash_loop::run(options, interrupt),
            Self::Start => start::run(options, interrupt),
            Self::Heap => heap::run(options, interrupt),
            Self::Hang => hang::run(options, interrupt),
        }
    }
}

/// The program with two servers, of which the first has so many workers.
pub(crate) fn prepare(workers: usize) -> Result<Start> {
    let program = Program::new(sibling("trial_server")?);
    Ok(program.env("RUNNER_SERVER_HEALTHY__WORKERS", &workers.to_string()))
}

/// The workers of a server that serve.
pub(crate) fn serving(program: &Program, server: &str) -> Vec<Worker> {
    let mut workers = program.workers_of(server);
    workers.retain(|worker| worker.serving_generation().is_some());
    workers
}

/// Kills a worker; how long it takes until another one serves in its place.
pub(crate) fn kill(program: &Program, victim: &Worker) -> Result<Duration> {
    let before = children_of(program.pid());
    let killed = Instant::now();
    victim.signal(Signal::SIGKILL);
    await_successor(program, &before, victim.pid)?;
    Ok(killed.elapsed())
}

/// Waits until the master has as many children as before, all the same but for the lost one, in
/// whose place another one serves.
///
/// Nothing of the lost one is looked at: who reads `/proc/PID` of a process that ends can hold up
/// its parent, whose wait(2) removes that directory.
pub(crate) fn await_successor(program: &Program, before: &[i32], lost: i32) -> Result {
    let began = Instant::now();
    while began.elapsed() < RECOVERY_TIMEOUT {
        let children = children_of(program.pid());
        if !children.contains(&lost) && children.len() == before.len() {
            let fresh = children.into_iter().filter(|pid| !before.contains(pid));
            let workers: Vec<_> = fresh.map(Worker::of).collect();
            let serves = |worker: &Worker| worker.serving_generation().is_some();
            if workers.len() == 1 && workers.iter().all(|it| it.as_ref().is_some_and(serves)) {
                return Ok(());
            }
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
    Err(format!("{lost} has no successor after {RECOVERY_TIMEOUT:?}").into())
}
