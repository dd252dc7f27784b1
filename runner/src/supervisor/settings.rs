//! What a supervisor is told once, when it is made.

use super::Time;
use crate::spec::Share;
use serde::{Deserialize, Serialize};

/// What holds for every server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Settings {
    /// How long a worker that was told to stop may take before it is killed. Default: 3 s.
    pub(crate) stop_grace: Time,
    /// How long a hung worker may take to say where it hangs, before it is killed. Default: 500 ms.
    pub(crate) abort_grace: Time,
    /// How long after its server's `drain_timeout` a worker that is still draining is killed. By
    /// itself it ends within 2 s, so this is only for those that hang. Default: 2.5 s.
    pub(crate) drain_margin: Time,
    /// The first delay before a crashed worker is forked again; it doubles with each further
    /// failure. Default: 100 ms.
    pub(crate) first_delay: Time,
    /// The longest such delay. Default: 30 s.
    pub(crate) max_delay: Time,
    /// A worker that was READY for this long ends the crash loop of its slot. Default: 1 s.
    pub(crate) stable_after: Time,
    /// How much later than agreed the master may look before that counts as a pause of the master
    /// or of the machine. Default: 1 s.
    pub(crate) lateness: Time,
    /// How often the memory of a worker with `max_memory` is measured. Default: 5 s.
    pub(crate) memory_interval: Time,
    /// How often the load of a server with a range of workers is measured. Default: 1 s.
    pub(crate) load_interval: Time,
    /// By how many percent a delay may be shorter or longer, so that slots that failed together do
    /// not come back together. At most 100. Default: 10.
    pub(crate) jitter_percent: u32,
    /// Where the jitter starts from: the same seed gives the same delays. Default: 1.
    pub(crate) seed: u64,
}

/// What one server is. [`Supervisor::configure`](super::Supervisor::configure) says what a change
/// means to the workers that there are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ServerSettings {
    /// How many slots it has at first. Zero is a server without processes. Default: 1.
    pub(crate) workers: u32,
    /// How many slots it may be scaled to. Default: 1 to 1024.
    pub(crate) bounds: (u32, u32),
    /// Whether its load decides how many it has. Default: no.
    pub(crate) elastic: bool,
    /// How long after its fork a worker may take to be READY. Default: 30 s.
    pub(crate) start_timeout: Time,
    /// How long a worker serves on in a graceful stop before it drains, so that those who balance
    /// the load notice. Default: zero.
    pub(crate) lame_duck: Time,
    /// How long a worker may take to drain. Default: 30 s.
    pub(crate) drain_timeout: Time,
    /// How long a worker without successor still serves after new connections are steered away from
    /// it, so that it gets those whose handshake was under way. Default: 100 ms.
    pub(crate) retire_delay: Time,
    /// How old the last sign of life of a worker may get. Default: any age.
    pub(crate) heartbeat_timeout: Option<Time>,
    /// How long after it was READY a worker is replaced. Default: never.
    pub(crate) max_lifetime: Option<Time>,
    /// With how many bytes of its own a worker is replaced. Default: any number.
    pub(crate) max_memory: Option<u64>,
    /// How many failures in `restart_window` are tolerated. Default: five for each worker.
    pub(crate) max_restarts: Option<u32>,
    /// The time in which failures are counted. Default: 60 s.
    pub(crate) restart_window: Time,
    /// How many more workers there may be while some are replaced. Default: 25 %.
    pub(crate) max_surge: Share,
    /// How many fewer workers may be READY while some are replaced. Default: none.
    pub(crate) max_unavailable: Share,
}

/// How many workers a server is configured to have. A part of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Sizing {
    pub(super) workers: u32,
    pub(super) bounds: (u32, u32),
    pub(super) elastic: bool,
}

impl ServerSettings {
    pub(super) fn sizing(&self) -> Sizing {
        Sizing { workers: self.workers, bounds: self.bounds, elastic: self.elastic }
    }

    /// The same with another number of workers.
    pub(super) fn sized(&self, sizing: Sizing) -> Self {
        let Sizing { workers, bounds, elastic } = sizing;
        Self { workers, bounds, elastic, ..self.clone() }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            stop_grace: Time::from_secs(3),
            abort_grace: Time::from_millis(500),
            drain_margin: Time::from_millis(2500),
            first_delay: Time::from_millis(100),
            max_delay: Time::from_secs(30),
            stable_after: Time::from_secs(1),
            lateness: Time::from_secs(1),
            memory_interval: Time::from_secs(5),
            load_interval: Time::from_secs(1),
            jitter_percent: 10,
            seed: 1,
        }
    }
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            workers: 1,
            bounds: (1, 1024),
            elastic: false,
            start_timeout: Time::from_secs(30),
            lame_duck: Time::ZERO,
            drain_timeout: Time::from_secs(30),
            retire_delay: Time::from_millis(100),
            heartbeat_timeout: None,
            max_lifetime: None,
            max_memory: None,
            max_restarts: None,
            restart_window: Time::from_secs(60),
            max_surge: Share::Percent(25),
            max_unavailable: Share::Count(0),
        }
    }
}
