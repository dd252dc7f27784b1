//! Requests that fail while all workers are replaced again and again under load.

use crate::cli::Options;
use crate::load::{Load, Outcome};
use crate::peer::{Peer, Running};
use crate::process::Process;
use crate::{Interrupt, Result};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// Workers of each peer.
const WORKERS: u32 = 10;
/// After the load, old workers may still take this long to end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(15);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// One peer's run.
pub(crate) struct Reloads {
    pub(crate) peer: Peer,
    pub(crate) count: u32,
    pub(crate) outcome: Outcome,
    /// Workers before the first reload.
    pub(crate) workers: usize,
    /// How many of those were gone in the end.
    pub(crate) replaced: usize,
}

/// Runs every peer that can reload.
pub(crate) fn run(
    options: &Options,
    peers: &[Peer],
    interrupt: &Interrupt,
) -> Result<Vec<Reloads>> {
    let mut results = Vec::new();
    for &peer in peers {
        let Some(signal) = peer.reload_signal() else {
            continue;
        };
        interrupt.check()?;
        eprintln!("{}: {} reloads in {:?}", peer.name(), options.count, options.duration);
        let server = peer.start(WORKERS, None)?;
        let before = server.workers();
        let outcome = reload_under_load(&server, signal, options, interrupt)?;
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        while before.iter().any(Process::is_alive) && Instant::now() < deadline {
            interrupt.check()?;
            std::thread::sleep(POLL_INTERVAL);
        }
        let replaced = before.iter().filter(|worker| !worker.is_alive()).count();
        results.push(Reloads {
            peer,
            count: options.count,
            outcome,
            workers: before.len(),
            replaced,
        });
    }
    Ok(results)
}

/// Spreads the reloads evenly over one run of wrk, none at its very start or end.
fn reload_under_load(
    server: &Running,
    signal: Signal,
    options: &Options,
    interrupt: &Interrupt,
) -> Result<Outcome> {
    let load = Load::keep_alive(options.duration);
    std::thread::scope(|scope| {
        // The error of a load is boxed without `Send`, so it crosses the threads as text.
        let running =
            scope.spawn(|| load.run(server.address, interrupt).map_err(|error| error.to_string()));
        for _ in 0..options.count {
            std::thread::sleep(options.duration / (options.count + 1));
            server.signal(signal)?;
        }
        Ok(running.join().map_err(|_| "the load panicked")??)
    })
}
