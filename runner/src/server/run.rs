//! A server's life in a worker: construct, accept, drain, stop.

use super::accept::{Source, accept, accept_lent};
use super::admission::{Admission, Protocol};
use super::quota::Quota;
use super::room::Room;
use super::worker::{Identity, Shutdown, Worker};
use super::{Lifecycle, catch_panic, notify};
use crate::error::{Error, Result};
use crate::listener::Listener;
use crate::scoreboard::Row;
use serde::{Deserialize, Serialize};
use std::future::{Future, pending};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// How long `close` handlers may take when the worker is told to stop now.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// What a server may use, from its configuration.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
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
    pub(crate) listeners: Vec<Listener>,
    /// Where it is counted what the worker does.
    pub(crate) row: Row,
    pub(crate) quota: Quota,
    pub(crate) shutdown: Shutdown,
    /// What the master asks.
    pub(crate) calls: UnboundedReceiver<Call>,
    /// Called with what the master is to know.
    pub(crate) tell: Arc<dyn Fn(Tell) + Send + Sync>,
    /// Called once the handler stands and every listener is being accepted from.
    pub(crate) ready: Box<dyn FnOnce() + Send>,
}

/// What a server may be asked while it serves.
#[derive(Debug)]
pub(crate) enum Call {
    /// Whether every worker of the server is full, so that connections beyond the limit are to be
    /// taken, and told so.
    Refuse(bool),
    /// To take what waits in these listening sockets, as far as there is room, and to close them.
    Rescue(Vec<OwnedFd>),
}

/// What a server tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tell {
    /// It has reached its limit of connections and takes no more.
    Full,
    /// It takes connections again.
    Room,
    /// It has taken so many connections out of sockets that it was lent.
    Rescued(u32),
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
    let Session { identity, limits, listeners, row, quota, shutdown, calls, tell, ready } = session;
    let room = room(limits.max_connections, row.clone(), tell.clone());
    let worker = Worker::new::<P::Conn>(identity, shutdown.clone(), row, quota);
    let handler = tokio::select! {
        handler = catch_panic(construct(worker.clone())) => Arc::new(handler??),
        () = shutdown.now.cancelled() => return Err(Error::msg("told to stop before it was ready")),
    };
    let protocol = P::new(handler.clone(), worker.clone(), limits);
    let admission = Arc::new(Admission::new(protocol, worker.clone(), room));

    let accepting = TaskTracker::new();
    for listener in listeners {
        accepting.spawn(accept(Source::new(listener)?, admission.clone()));
    }
    accepting.close();
    ready();

    let ended = async {
        tokio::select! {
            biased;
            () = shutdown.now.cancelled() => {}
            () = shutdown.drain.cancelled() => drain(&*handler, &admission, &accepting).await,
        }
    };
    tokio::select! {
        biased;
        () = ended => {}
        () = answer(calls, &admission, &*tell) => {}
    }
    admission.cut();
    if timeout(CLOSE_GRACE, admission.finished()).await.is_err() {
        let open = admission.open();
        tracing::warn!(server = worker.server(), open, "`close` took too long and was left");
    }
    notify("worker_stop", handler.worker_stop(&worker)).await;
    Ok(())
}

fn room(limit: Option<u64>, row: Row, tell: Arc<dyn Fn(Tell) + Send + Sync>) -> Arc<Room> {
    Arc::new(Room::new(limit, move |full| {
        // Shown before it is told, for who is told looks there.
        row.show_full(full);
        tell(if full { Tell::Full } else { Tell::Room });
    }))
}

/// Does what the master asks. Never returns.
async fn answer<P: Protocol>(
    mut calls: UnboundedReceiver<Call>,
    admission: &Arc<Admission<P>>,
    tell: &(dyn Fn(Tell) + Send + Sync),
) {
    while let Some(call) = calls.recv().await {
        match call {
            Call::Refuse(refuse) => admission.room().refuse(refuse),
            Call::Rescue(sockets) => tell(Tell::Rescued(accept_lent(sockets, admission).await)),
        }
    }
    pending::<()>().await;
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
                let (server, oldest) = (worker.server(), admission.oldest());
                tracing::warn!(server, open, oldest, "left connections at the deadline");
            }
        }
    }
}
