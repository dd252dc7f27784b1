//! The accept loop of a worker.

use super::run::Protocol;
use super::worker::Worker;
use futures_util::FutureExt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

/// How long to leave a listener alone after the first and after many failures in a row.
const BACK_OFF_MIN: Duration = Duration::from_millis(5);
const BACK_OFF_MAX: Duration = Duration::from_secs(1);

/// How many queued connections a draining worker still takes: a queue holds no more by default,
/// and under load it would never be empty.
const RESCUED_MAX: usize = 1024;

/// Accepts until the worker drains or stops, and never ends because of an error.
pub(super) async fn accept<P: Protocol>(
    listener: TcpListener,
    protocol: Arc<P>,
    worker: Worker,
    connections: TaskTracker,
) {
    let shutdown = worker.shutdown();
    tokio::select! {
        () = shutdown.now.cancelled() => return,
        () = shutdown.drain.cancelled() => {}
        () = accept_always(&listener, &protocol, &worker, &connections) => {}
    }
    // Without a successor, what waits in the queue now would be lost with the socket.
    for _ in 0..RESCUED_MAX {
        let Some(Ok((stream, peer))) = listener.accept().now_or_never() else {
            return;
        };
        connections.spawn(protocol.connection(stream, peer));
    }
}

async fn accept_always<P: Protocol>(
    listener: &TcpListener,
    protocol: &Arc<P>,
    worker: &Worker,
    connections: &TaskTracker,
) {
    let mut back_off = BACK_OFF_MIN;
    loop {
        if worker.is_paused() {
            worker.resumed().await;
        }
        let accepted = tokio::select! {
            biased;
            accepted = listener.accept() => accepted,
            () = worker.paused() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                back_off = BACK_OFF_MIN;
                connections.spawn(protocol.connection(stream, peer));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                let server = worker.server();
                tracing::error!(server, %error, ?back_off, "cannot accept, trying again");
                tokio::time::sleep(back_off).await;
                back_off = (back_off * 2).min(BACK_OFF_MAX);
            }
        }
    }
}

/// Whether the error concerns a connection that is gone, not the listener: accept(2) passes on
/// the network errors of the connection it would have returned.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::Interrupted
    )
}
