//! The accept loop of a worker.

use super::admission::{Admission, Protocol};
use super::stream::Stream;
use crate::os::tcp::queued;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

/// How long to leave a listener alone after the first and after many failures in a row.
const BACK_OFF_MIN: Duration = Duration::from_millis(5);
const BACK_OFF_MAX: Duration = Duration::from_secs(1);

/// How often failures are logged at most.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// Accepts until the worker drains or stops, and never ends because of an error.
pub(super) async fn accept<P: Protocol>(listener: TcpListener, admission: Arc<Admission<P>>) {
    let shutdown = admission.worker().shutdown();
    let accept_until_drained = async {
        tokio::select! {
            biased;
            () = shutdown.drain.cancelled() => {}
            () = accept_always(&listener, &admission) => {}
        }
        rescue(listener, &admission).await;
    };
    tokio::select! {
        biased;
        () = shutdown.now.cancelled() => {}
        () = accept_until_drained => {}
    }
}

async fn accept_always<P: Protocol>(listener: &TcpListener, admission: &Arc<Admission<P>>) {
    let worker = admission.worker();
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
                failures.in_a_row = 0;
                admission.admit(Stream::Tcp(stream), peer.into());
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => failures.wait(worker.server(), &error).await,
        }
    }
}

/// Takes what waits in the queue when the drain begins: without a successor nobody else would.
///
/// What comes later is for the successor; its share of the queue under load would have no end. To a
/// slot that is to have none, nothing new is steered by then.
async fn rescue<P: Protocol>(listener: TcpListener, admission: &Arc<Admission<P>>) {
    // Asks the kernel each time. Tokio knows only of what came before it last asked, and after 128
    // connections it wants the others to have their turn.
    let Ok(listener) = listener.into_std() else {
        return;
    };
    let mut waiting = queued(&listener).unwrap_or(u32::MAX);
    let mut failures = Failures::default();
    while waiting > 0 {
        match listener.accept() {
            Ok((stream, peer)) => {
                waiting -= 1;
                failures.in_a_row = 0;
                if let Ok(stream) = Stream::adopt(stream.into()) {
                    admission.admit(stream, peer.into());
                }
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            // Connections that end in the drain leave their descriptors to those that wait.
            Err(error) => failures.wait(admission.worker().server(), &error).await,
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

/// Failures of a listener: a worker out of descriptors has one for each that is freed.
#[derive(Default)]
struct Failures {
    in_a_row: u32,
    unlogged: u64,
    logged: Option<Instant>,
}

impl Failures {
    /// Logs one more, and leaves the listener alone for a while.
    async fn wait(&mut self, server: &str, error: &io::Error) {
        self.unlogged += 1;
        let now = Instant::now();
        if self.logged.is_none_or(|then| LOG_INTERVAL <= now - then) {
            let failures = std::mem::take(&mut self.unlogged);
            tracing::error!(server, %error, failures, "cannot accept, trying again");
            self.logged = Some(now);
        }
        let back_off = BACK_OFF_MIN.saturating_mul(1 << self.in_a_row.min(16));
        self.in_a_row = self.in_a_row.saturating_add(1);
        tokio::time::sleep(back_off.min(BACK_OFF_MAX)).await;
    }
}
