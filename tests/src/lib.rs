//! What the process tests need: programs that are started, watched and always ended.

mod buckets;
mod client;
mod crowd;
mod exchange;
mod inspect;
mod pinned;
mod printed;
mod privilege;
mod program;
mod random;
mod raw;
mod shapes;
mod systemd;

pub use buckets::{Buckets, Failure, Identity, Outcome, pattern};
pub use client::{Load, Reply, connect, get, get_on, load, read_reply};
pub use crowd::Crowd;
pub use inspect::{
    children_of, descriptors, executable_of, is_alive, listeners, listening_address, proc_status,
    processes_in, signal_mask, sockets, stat_field, state_of, threads_of, title_of,
    wait_until_gone, works_in,
};
pub use pinned::Pinned;
pub use privilege::regain;
pub use program::{Daemon, Ended, Program, Start, Worker, workers_of};
pub use random::Random;
pub use raw::{Raw, Rest, cpu_time, limit_descriptors, memory, try_limit_descriptors};
pub use shapes::Shape;
pub use systemd::{Notice, Systemd};

use std::time::{Duration, Instant};

/// How long anything may take before a test gives up; far longer than it takes, so that a loaded
/// machine fails no test.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `probe` gives something. Panics with `what` when that takes too long.
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited too long until {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
