//! A server's life in a worker: construct, accept, drain, stop.

use super::accept::accept;
use super::admission::{Admission, Protocol};
use super::quota::Quota;
use super::worker::{Identity, Shutdown, Worker};
use super::{Lifecycle, catch_panic, notify};
use crate::error::{Error, Result};
use crate::listener::Listener;
use crate::scoreboard::Row;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
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
        let listener =
            tokio::net::TcpListener::from_std(std::os::fd::OwnedFd::from(listener).into())?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoreboard::Counts;
    use crate::server::{http, tcp};
    use bytes::Bytes;
    use std::net::TcpListener;
    use std::sync::mpsc::channel;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    struct Echo;

    impl Lifecycle for Echo {}

    impl http::Handler for Echo {}

    impl tcp::Handler for Echo {
        async fn receive(&self, conn: &tcp::Conn, data: Bytes) -> Result {
            Ok(conn.send(data).await?)
        }
    }

    /// Has a server answer four requests on two connections, and asserts what its row says
    /// meanwhile. Returns how often it told that it has served `most`.
    async fn served(server: &dyn Serve, request: &str, most: u64) -> usize {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let row = Row::create().unwrap();
        let (tell, told) = channel();
        let shutdown = Shutdown::default();
        let patience = Duration::from_secs(30);
        let session = Session {
            identity: Identity { server: "test".to_owned(), slot: 0, generation: 1 },
            limits: Limits {
                max_connections: None,
                keep_alive: patience,
                header_timeout: patience,
                receive_buffer: 1024,
            },
            listeners: vec![Listener::new(listener.into(), false)],
            row: row.clone(),
            quota: Quota::new(most, move || tell.send(()).unwrap()),
            shutdown: shutdown.clone(),
            ready: Box::new(|| {}),
        };
        let counts = async |connections, accepted, requests| {
            let counts = Counts { connections, accepted, requests, active: 0 };
            let counted = async {
                while row.counts() != counts {
                    tokio::task::yield_now().await;
                }
            };
            let counted = timeout(patience, counted).await;
            counted.unwrap_or_else(|_| panic!("{:?} instead of {counts:?}", row.counts()));
        };
        let client = async {
            for connection in 0..2 {
                let mut stream = TcpStream::connect(address).await.unwrap();
                for answered in 1..=2 {
                    stream.write_all(request.as_bytes()).await.unwrap();
                    assert_ne!(stream.read(&mut [0; 1024]).await.unwrap(), 0);
                    counts(1, connection + 1, 2 * connection + answered).await;
                }
                drop(stream);
                counts(0, connection + 1, 2 * connection + 2).await;
            }
            shutdown.stop_now();
        };
        let (ended, ()) = tokio::join!(server.serve(session), client);
        ended.unwrap();
        told.try_iter().count()
    }

    /// Requests count against the quota of an http server, connections against that of a tcp one.
    #[tokio::test]
    async fn what_is_served_is_counted() {
        let http = http::Http(|_| std::future::ready(Ok(Echo)));
        let tcp = tcp::Tcp(|_| std::future::ready(Ok(Echo)));
        let request = "GET /path HTTP/1.1\r\nHost: test\r\n\r\n";
        for (most, told) in [(1, 1), (4, 1), (5, 0)] {
            assert_eq!(served(&http, request, most).await, told, "{most} requests");
        }
        for (most, told) in [(1, 1), (2, 1), (3, 0)] {
            assert_eq!(served(&tcp, "text", most).await, told, "{most} connections");
        }
    }
}
