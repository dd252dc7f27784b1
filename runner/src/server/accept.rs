//! The accept loop of a worker.

use super::admission::{Admission, Protocol};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// How long to leave a listener alone after the first and after many failures in a row.
const BACK_OFF_MIN: Duration = Duration::from_millis(5);
const BACK_OFF_MAX: Duration = Duration::from_secs(1);

/// How often failures are logged at most.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// How many queued connections a draining worker still takes: a queue holds no more by default,
/// and under load it would never be empty.
const RESCUED_MAX: usize = 1024;

/// Accepts until the worker drains or stops, and never ends because of an error.
pub(super) async fn accept<P: Protocol>(listener: TcpListener, admission: Arc<Admission<P>>) {
    let shutdown = admission.worker().shutdown();
    tokio::select! {
        biased;
        () = shutdown.now.cancelled() => {}
        () = shutdown.drain.cancelled() => rescue(listener, &admission),
        () = accept_always(&listener, &admission) => {}
    }
}

async fn accept_always<P: Protocol>(listener: &TcpListener, admission: &Arc<Admission<P>>) {
    let worker = admission.worker();
    let mut back_off = BACK_OFF_MIN;
    let mut failures = Failures::default();
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
                admission.admit(stream, peer);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                failures.log(worker.server(), &error);
                tokio::time::sleep(back_off).await;
                back_off = (back_off * 2).min(BACK_OFF_MAX);
            }
        }
    }
}

/// Takes what waits in the queue: without a successor it would be lost with the socket.
fn rescue<P: Protocol>(listener: TcpListener, admission: &Arc<Admission<P>>) {
    // Asks the kernel each time. Tokio knows only of what came before it last asked, and after 128
    // connections it wants the others to have their turn.
    let Ok(listener) = listener.into_std() else {
        return;
    };
    for _ in 0..RESCUED_MAX {
        match listener.accept() {
            Ok((stream, peer)) => {
                if let Ok(stream) = adopt(stream) {
                    admission.admit(stream, peer);
                }
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(_) => return,
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the listener has left tokio, and one wait more does not matter in a drain"
)]
fn adopt(stream: std::net::TcpStream) -> io::Result<TcpStream> {
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
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

/// The failures that have not been logged: a worker out of descriptors has one for each that is
/// freed.
#[derive(Default)]
struct Failures {
    count: u64,
    logged: Option<Instant>,
}

impl Failures {
    fn log(&mut self, server: &str, error: &io::Error) {
        self.count += 1;
        let now = Instant::now();
        if self.logged.is_none_or(|then| LOG_INTERVAL <= now - then) {
            let failures = std::mem::take(&mut self.count);
            tracing::error!(server, %error, failures, "cannot accept, trying again");
            self.logged = Some(now);
        }
    }
}
