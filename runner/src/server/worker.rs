//! The worker as its handlers see it.

use super::connections::Connections;
use super::quota::Quota;
use crate::scoreboard::Row;
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The worker process that a handler runs in. Cloning it is cheap.
///
/// ```
/// # use runner::Worker;
/// fn describe(worker: &Worker) -> String {
///     format!("{} {}/{}", worker.server(), worker.slot(), worker.generation())
/// }
/// ```
#[derive(Clone)]
pub struct Worker(Arc<Inner>);

struct Inner {
    identity: Identity,
    shutdown: Shutdown,
    row: Row,
    quota: Quota,
    paused: watch::Sender<bool>,
    next_connection: AtomicU64,
    /// A `Connections<C>` of the protocol's own connection type.
    connections: Box<dyn Any + Send + Sync>,
}

/// Which worker of which server this is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) server: String,
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// The two ways a worker is told to end; both may come, `now` last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shutdown {
    /// Take nothing new, finish what is in flight.
    pub(crate) drain: CancellationToken,
    /// Leave everything.
    pub(crate) now: CancellationToken,
    /// Either; each request asks, and a token takes a lock.
    told: Arc<AtomicBool>,
    /// Soon it will be.
    lame: Arc<AtomicBool>,
}

impl Shutdown {
    /// Go on, and have whoever asks know that this ends soon.
    pub(crate) fn begin_lame_duck(&self) {
        self.lame.store(true, Ordering::Relaxed);
    }

    pub(crate) fn begin_drain(&self) {
        self.told.store(true, Ordering::Relaxed);
        self.drain.cancel();
    }

    pub(crate) fn stop_now(&self) {
        self.told.store(true, Ordering::Relaxed);
        self.now.cancel();
    }
}

/// A type of connection that [`Worker::connections`] can list.
pub trait Connection: sealed::Connection {}

pub(crate) mod sealed {
    use crate::server::client::Client;

    /// Only this crate's connections are listed.
    pub trait Connection: Clone + Send + Sync + 'static {
        /// Who it is.
        fn client(&self) -> &Client;

        /// What it is doing, for a log.
        fn doing(&self) -> String;

        /// Closes it without regard to what is in flight.
        fn close_now(&self);
    }
}

impl Worker {
    pub(crate) fn new<C: Connection>(
        identity: Identity,
        shutdown: Shutdown,
        row: Row,
        quota: Quota,
    ) -> Self {
        Self(Arc::new(Inner {
            identity,
            shutdown,
            row,
            quota,
            paused: watch::Sender::new(false),
            next_connection: AtomicU64::new(1),
            connections: Box::new(Connections::<C>::default()),
        }))
    }

    /// The name of the server.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.0.identity.server
    }

    /// The slot of this worker among the workers of its server, counted from 0.
    #[must_use]
    pub fn slot(&self) -> u32 {
        self.0.identity.slot
    }

    /// The generation, counted from 1 and up with each restart and reload.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.0.identity.generation
    }

    /// Whether the worker has been told to drain or to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.shutdown.told.load(Ordering::Relaxed)
    }

    /// Whether new clients are welcome: what a load balancer wants to know that asks each program
    /// whether it is to send it any. It turns false when the program begins to stop: for
    /// `lame_duck` everything is served as before, so that the load balancer notices in time, and
    /// then the worker drains.
    ///
    /// ```
    /// use runner::Worker;
    /// use runner::http::{IntoResponse, Response, StatusCode};
    ///
    /// /// The answer to `/readyz`.
    /// fn readiness(worker: &Worker) -> Response {
    ///     if worker.is_ready() {
    ///         "ready\n".into_response()
    ///     } else {
    ///         (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response()
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.is_draining() && !self.0.shutdown.lame.load(Ordering::Relaxed)
    }

    /// Stops taking connections, and reading from those of a tcp server, until [`resume`].
    ///
    /// What clients send meanwhile waits in the kernel. A drain resumes, so that it is not lost.
    ///
    /// [`resume`]: Self::resume
    pub fn pause(&self) {
        self.0.paused.send_replace(true);
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.0.paused.send_replace(false);
    }

    /// Whether the worker is paused.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        *self.0.paused.borrow()
    }

    /// The open connections at this moment. Closing them or awaiting on the way skips none.
    ///
    /// `C` is the connection type of the server's protocol, such as [`tcp::Conn`](crate::tcp::Conn);
    /// a worker has none of another protocol's.
    ///
    /// ```
    /// # use runner::{Worker, tcp::Conn};
    /// fn drop_all(worker: &Worker) {
    ///     for conn in worker.connections::<Conn>() {
    ///         conn.close_now();
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn connections<C: Connection>(&self) -> Vec<C> {
        self.table().map_or_else(Vec::new, Connections::list)
    }

    /// The number of open connections of this worker.
    #[must_use]
    pub fn connection_count<C: Connection>(&self) -> usize {
        self.table::<C>().map_or(0, Connections::len)
    }

    pub(crate) fn table<C: Connection>(&self) -> Option<&Connections<C>> {
        self.0.connections.downcast_ref()
    }

    /// A number that no other connection of this worker has had.
    pub(crate) fn next_connection(&self) -> u64 {
        self.0.next_connection.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn row(&self) -> &Row {
        &self.0.row
    }

    /// Counts against `max_requests`: the worker has served `count`.
    pub(crate) fn served(&self, count: u64) {
        self.0.quota.served(count);
    }

    pub(crate) fn shutdown(&self) -> &Shutdown {
        &self.0.shutdown
    }

    /// Waits while the worker is paused.
    pub(crate) async fn resumed(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.0.paused.subscribe().wait_for(|paused| !paused).await;
    }

    /// Waits until the worker is paused.
    pub(crate) async fn paused(&self) {
        let _ = self.0.paused.subscribe().wait_for(|paused| *paused).await;
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("server", &self.server())
            .field("slot", &self.slot())
            .field("generation", &self.generation())
            .finish_non_exhaustive()
    }
}
