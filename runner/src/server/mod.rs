//! The servers that run inside a worker.

pub mod http;
pub mod tcp;

use crate::error::Result;
use std::future::Future;

/// What every handler has beside the events of its protocol.
pub trait Lifecycle: Sized + Send + Sync + 'static {
    /// The worker has begun to drain: it takes no new connections and finishes what is in flight.
    fn drain(&self, worker: &Worker) -> impl Future<Output = Result> + Send {
        let _ = worker;
        async { Ok(()) }
    }

    /// The worker is about to exit: every connection is closed.
    fn worker_stop(&self, worker: &Worker) -> impl Future<Output = Result> + Send {
        let _ = worker;
        async { Ok(()) }
    }
}

/// The worker process a handler runs in.
#[derive(Clone, Debug)]
pub struct Worker(());
