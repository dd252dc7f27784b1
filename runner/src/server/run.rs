//! A server's life in a worker: construct, accept, drain, stop.

use super::accept::accept;
use super::worker::{Connection, Identity, Shutdown, Worker};
use super::{Lifecycle, catch_panic, notify};
use crate::error::{Error, Result};
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

/// What a server may use, from its configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_connections: Option<u64>,
    pub(crate) keep_alive: Duration,
    pub(crate) header_timeout: Duration,
    pub(crate) receive_buffer: usize,
}

/// One worker's run of a server, as the process around it starts it.
pub(crate) struct Session {
    pub(crate) identity: Identity,
    pub(crate) limits: Limits,
    pub(crate) listeners: Vec<TcpListener>,
    pub(crate) shutdown: Shutdown,
    /// Called once the handler stands and every listener is being accepted from.
    pub(crate) ready: Box<dyn FnOnce() + Send>,
}

/// A server of any kind.
pub(crate) trait Serve: Send + Sync {
    /// Serves until told to end; an error means that it never began.
    fn serve(&self, session: Session) -> Pin<Box<dyn Future<Output = Result> + '_>>;
}

/// The part of a protocol that the life of a server does not share.
pub(crate) trait Protocol: Send + Sync + 'static {
    type Handler: Lifecycle;
    type Conn: Connection;

    fn new(handler: Arc<Self::Handler>, worker: Worker, limits: Limits) -> Self;

    fn handler(&self) -> &Self::Handler;

    /// Serves one connection to its end. It ends soon after a drain has begun.
    fn connection(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> impl Future<Output = ()> + Send + 'static;
}

/// Runs a server of protocol `P` whose handler comes from `construct`.
pub(crate) async fn run<P: Protocol>(
    session: Session,
    construct: impl AsyncFnOnce(Worker) -> Result<P::Handler>,
) -> Result {
    let Session {
        identity,
        limits,
        listeners,
        shutdown,
        ready,
    } = session;
    let worker = Worker::new::<P::Conn>(identity, shutdown.clone());
    let handler = tokio::select! {
        handler = catch_panic(construct(worker.clone())) => Arc::new(handler??),
        () = shutdown.now.cancelled() => return Err(Error::msg("told to stop before it was ready")),
    };
    let protocol = Arc::new(P::new(handler, worker.clone(), limits));

    let accepting = TaskTracker::new();
    let connections = TaskTracker::new();
    for listener in listeners {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let task = accept(
            listener,
            protocol.clone(),
            worker.clone(),
            connections.clone(),
        );
        accepting.spawn(task);
    }
    accepting.close();
    ready();

    tokio::select! {
        () = shutdown.drain.cancelled() => drain(&*protocol, &worker, &accepting, &connections).await,
        () = shutdown.now.cancelled() => {}
    }
    notify("worker_stop", protocol.handler().worker_stop(&worker)).await;
    Ok(())
}

/// Waits until everything in flight is done, or until told to leave it.
async fn drain<P: Protocol>(
    protocol: &P,
    worker: &Worker,
    accepting: &TaskTracker,
    connections: &TaskTracker,
) {
    let finished = async {
        notify("drain", protocol.handler().drain(worker)).await;
        accepting.wait().await;
        connections.close();
        connections.wait().await;
    };
    tokio::select! {
        () = finished => {}
        () = worker.shutdown().now.cancelled() => {
            let open = connections.len();
            if open > 0 {
                tracing::warn!(server = worker.server(), open, "left connections at the deadline");
            }
        }
    }
}
