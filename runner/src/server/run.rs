//! A server's life in a worker: construct, accept, drain, stop.

use super::accept::accept;
use super::admission::{Admission, Protocol};
use super::quota::Quota;
use super::worker::{Identity, Shutdown, Worker};
use super::{Lifecycle, catch_panic, notify};
use crate::error::{Error, Result};
use crate::scoreboard::Row;
use std::future::Future;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// How long `close` handlers may take when the worker is told to stop now.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

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
    /// Where it is counted what the worker does.
    pub(crate) row: Row,
    pub(crate) quota: Quota,
    pub(crate) shutdown: Shutdown,
    /// Called once the handler stands and every listener is being accepted from.
    pub(crate) ready: Box<dyn FnOnce() + Send>,
}

/// A server of any kind.
pub(crate) trait Serve: Send + Sync {
    /// Serves until told to end; an error means that it never began.
    fn serve(&self, session: Session) -> Pin<Box<dyn Future<Output = Result> + '_>>;
}

/// Runs a server of protocol `P` whose handler comes from `construct`.
pub(crate) async fn run<P: Protocol>(
    session: Session,
    construct: impl AsyncFnOnce(Worker) -> Result<P::Handler>,
) -> Result {
    let Session { identity, limits, listeners, row, quota, shutdown, ready } = session;
    let worker = Worker::new::<P::Conn>(identity, shutdown.clone(), row, quota);
    let handler = tokio::select! {
        handler = catch_panic(construct(worker.clone())) => Arc::new(handler??),
        () = shutdown.now.cancelled() => return Err(Error::msg("told to stop before it was ready")),
    };
    let protocol = P::new(handler.clone(), worker.clone(), limits);
    let admission = Admission::new(protocol, worker.clone(), limits.max_connections);
    let admission = Arc::new(admission);

    let accepting = TaskTracker::new();
    for listener in listeners {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        accepting.spawn(accept(listener, admission.clone()));
    }
    accepting.close();
    ready();

    tokio::select! {
        biased;
        () = shutdown.now.cancelled() => {}
        () = shutdown.drain.cancelled() => drain(&*handler, &admission, &accepting).await,
    }
    if timeout(CLOSE_GRACE, admission.finished()).await.is_err() {
        let open = admission.open();
        tracing::warn!(server = worker.server(), open, "`close` took too long and was left");
    }
    notify("worker_stop", handler.worker_stop(&worker)).await;
    Ok(())
}

/// Waits until everything in flight is done, or until told to leave it.
async fn drain<P: Protocol>(
    handler: &P::Handler,
    admission: &Admission<P>,
    accepting: &TaskTracker,
) {
    let worker = admission.worker();
    worker.resume();
    let finished = async {
        notify("drain", handler.drain(worker)).await;
        accepting.wait().await;
        admission.finished().await;
    };
    tokio::select! {
        () = finished => {}
        () = worker.shutdown().now.cancelled() => {
            let open = admission.open();
            if open > 0 {
                tracing::warn!(server = worker.server(), open, "left connections at the deadline");
            }
        }
    }
}
