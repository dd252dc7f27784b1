//! Requests that are lost while all workers are replaced again and again under load.

use crate::cli::Options;
use crate::clients::{Clients, Seen, Usage};
use crate::peer::{Happening, Peer};
use crate::running::Running;
use crate::{Interrupt, Result};

/// Workers of each peer; of HAProxy, threads of its one worker.
const WORKERS: u32 = 4;
const CLIENTS: usize = 64;

/// One peer's run.
pub(crate) struct Loss {
    pub(crate) peer: Peer,
    pub(crate) happening: Happening,
    pub(crate) usage: Usage,
    /// How often it happened.
    pub(crate) count: u32,
    pub(crate) seen: Seen,
}

/// Runs every peer that can replace its workers.
pub(crate) fn run(options: &Options, peers: &[Peer], interrupt: &Interrupt) -> Result<Vec<Loss>> {
    let mut results = Vec::new();
    for &happening in &options.happenings {
        for usage in Usage::ALL {
            for &peer in peers.iter().filter(|peer| peer.happenings().contains(&happening)) {
                interrupt.check()?;
                let (who, what, how) = (peer.name(), happening.name(), usage.name());
                eprintln!("{who}, {how}: {what}, {} times", options.count);
                match under_load(peer, happening, usage, options, interrupt) {
                    Ok(seen) => {
                        let count = options.count;
                        results.push(Loss { peer, happening, usage, count, seen });
                    }
                    Err(error) => {
                        interrupt.check()?;
                        eprintln!("skipped: {who}, {what}: {error}");
                    }
                }
            }
        }
    }
    Ok(results)
}

/// Spreads what happens evenly over one load, none at its very start or end.
fn under_load(
    peer: Peer,
    happening: Happening,
    usage: Usage,
    options: &Options,
    interrupt: &Interrupt,
) -> Result<Seen> {
    let server = Running::start(peer, WORKERS, None)?;
    let clients = Clients::start(server.address, CLIENTS, usage, None);
    let pause = options.duration / (options.count + 1);
    for _ in 0..options.count {
        std::thread::sleep(pause);
        interrupt.check()?;
        server.undergo(happening)?;
    }
    std::thread::sleep(pause);
    clients.stop()
}
