//! The time from the death of a worker to the first answer of its successor.

use crate::cli::Options;
use crate::peer::Peer;
use crate::running::Running;
use crate::{Interrupt, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::{Duration, Instant};

/// Workers of each peer.
const WORKERS: u32 = 2;
/// From a kill to an answer by a new worker, at most.
const RESPAWN_TIMEOUT: Duration = Duration::from_secs(10);
/// For one answer; a connection that died with its worker must not hold up the next try.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// One peer's run.
pub(crate) struct Respawns {
    pub(crate) peer: Peer,
    /// In order of the kills.
    pub(crate) times: Vec<Duration>,
}

/// Runs every peer that has workers.
pub(crate) fn run(
    options: &Options,
    peers: &[Peer],
    interrupt: &Interrupt,
) -> Result<Vec<Respawns>> {
    let mut results = Vec::new();
    for &peer in peers.iter().filter(|peer| peer.respawns()) {
        eprintln!("{}: {} kills, {:?} apart", peer.name(), options.count, options.pause);
        let server = Running::start(peer, WORKERS, None)?;
        let mut times = Vec::new();
        for _ in 0..options.count {
            interrupt.check()?;
            times.push(respawn(&server)?);
            std::thread::sleep(options.pause);
        }
        results.push(Respawns { peer, times });
    }
    Ok(results)
}

/// Kills the worker that happens to answer and waits for an answer by one that was not there then.
fn respawn(server: &Running) -> Result<Duration> {
    let victim = server.ask_pid(ASK_TIMEOUT)?;
    let known: Vec<u32> = server.workers().iter().map(|worker| worker.pid).collect();
    if !known.contains(&victim) {
        return Err(format!("`/pid` answered {victim}, which is none of the workers").into());
    }
    let killed = Instant::now();
    kill(Pid::from_raw(victim.cast_signed()), Signal::SIGKILL)?;
    while killed.elapsed() < RESPAWN_TIMEOUT {
        // An error is a connection that the dead worker had taken: only the next one counts.
        match server.ask_pid(ASK_TIMEOUT) {
            Ok(pid) if !known.contains(&pid) => return Ok(killed.elapsed()),
            _ => std::thread::yield_now(),
        }
    }
    Err(format!("no new worker answered within {RESPAWN_TIMEOUT:?}").into())
}
