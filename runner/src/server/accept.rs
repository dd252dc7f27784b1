//! The accept loop of a worker.

use super::acceptor::Acceptor;
use super::admission::{Admission, Protocol};
use super::stream::Stream;
use super::worker::Worker;
use crate::listener::{Listener, address_of};
use crate::os::tcp::queued;
use crate::spec::Address;
use socket2::{SockRef, Socket};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::coop;
use tokio::time::Instant;

/// How long to leave a listener alone after the first and after many failures in a row.
const BACK_OFF_MIN: Duration = Duration::from_millis(5);
const BACK_OFF_MAX: Duration = Duration::from_secs(1);

/// How often failures are logged at most.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// How much may wait in a queue whose length the kernel does not tell: the longest there is unless
/// that is changed (listen(2), `net.core.somaxconn`).
const QUEUED_MAX: u32 = 4096;

/// Where connections come from.
pub(super) enum Source {
    /// A socket of this worker alone, by which tokio waits.
    Own(TcpListener),
    /// One that other workers accept from too.
    Shared(Acceptor),
}

impl Source {
    pub(super) fn new(listener: Listener) -> io::Result<Self> {
        if listener.is_shared() {
            Acceptor::start(listener).map(Self::Shared)
        } else {
            TcpListener::from_std(OwnedFd::from(listener).into()).map(Self::Own)
        }
    }

    /// Where all its connections are made to, if that is one address.
    fn local(&self) -> Option<Address> {
        let Self::Own(listener) = self else {
            return None;
        };
        let local = listener.local_addr().ok()?;
        (!local.ip().is_unspecified()).then(|| local.into())
    }

    /// The next connection, of which there is room for so many.
    async fn accept(&mut self, room: u32) -> io::Result<(Stream, Address)> {
        match self {
            Self::Own(listener) => {
                listener.accept().await.map(|(stream, peer)| (Stream::Tcp(stream), peer.into()))
            }
            Self::Shared(acceptor) => acceptor.accept(room).await,
        }
    }

    /// A connection that waits already; if none does, an error of the kind `WouldBlock`.
    async fn accept_now(&mut self) -> io::Result<(Stream, Address)> {
        match self {
            // Asks the kernel each time. Tokio knows only of what came before it last asked, and
            // after 128 connections it wants the others to have their turn.
            Self::Own(listener) => accept_from(&SockRef::from(&*listener)),
            Self::Shared(acceptor) => acceptor.accept_now().await,
        }
    }

    /// Takes nothing until the next `accept`.
    async fn rest(&mut self) {
        if let Self::Shared(acceptor) = self {
            acceptor.rest().await;
        }
    }

    fn queued(&self) -> u32 {
        let queued = match self {
            Self::Own(listener) => queued(listener),
            Self::Shared(acceptor) => acceptor.queued(),
        };
        queued.unwrap_or(QUEUED_MAX)
    }
}

/// Accepts until the worker drains or stops, and never ends because of an error.
pub(super) async fn accept<P: Protocol>(mut source: Source, admission: Arc<Admission<P>>) {
    let shutdown = admission.worker().shutdown();
    tokio::select! {
        biased;
        () = shutdown.now.cancelled() => {}
        () = accept_until_drained(&mut source, &admission) => {}
    }
    source.rest().await;
}

async fn accept_until_drained<P: Protocol>(source: &mut Source, admission: &Arc<Admission<P>>) {
    tokio::select! {
        biased;
        () = admission.worker().shutdown().drain.cancelled() => {}
        () = accept_always(source, admission) => {}
    }
    source.rest().await;
    rescue(source, admission).await;
}

async fn accept_always<P: Protocol>(source: &mut Source, admission: &Arc<Admission<P>>) {
    let (worker, room) = (admission.worker(), admission.room());
    let mut failures = Failures::of(worker);
    let local = source.local();
    let mut halted = pin!(admission.halted());
    loop {
        tokio::select! {
            biased;
            () = halted.as_mut() => {
                source.rest().await;
                worker.resumed().await;
                room.opened().await;
                halted.set(admission.halted());
            }
            accepted = source.accept(room.left()) => match accepted {
                Ok((stream, peer)) => {
                    failures.in_a_row = 0;
                    admission.admit(stream, peer, local.clone());
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => failures.wait(&error).await,
            },
        }
    }
}

/// Takes what waits in the queue when the drain begins: without a successor nobody else would.
///
/// What comes later is for the successor; its share of the queue under load would have no end. To a
/// slot that is to have none, nothing new is steered by then.
async fn rescue<P: Protocol>(source: &mut Source, admission: &Arc<Admission<P>>) {
    let mut waiting = source.queued();
    let mut failures = Failures::of(admission.worker());
    while waiting > 0 {
        admission.room().opened().await;
        match source.accept_now().await {
            Ok((stream, peer)) => {
                waiting -= 1;
                failures.in_a_row = 0;
                admission.admit(stream, peer, None);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            // Connections that end in the drain leave their descriptors to those that wait.
            Err(error) => failures.wait(&error).await,
        }
    }
}

/// Takes what waits in sockets that nobody accepts from, as far as there is room. Returns how many
/// connections that were.
pub(super) async fn accept_lent<P: Protocol>(
    sockets: Vec<OwnedFd>,
    admission: &Arc<Admission<P>>,
) -> u32 {
    let mut taken = 0;
    for socket in sockets.into_iter().map(Socket::from) {
        // Of a blocking one, this would wait for what another worker has taken meanwhile.
        let fit = socket.is_listener().unwrap_or(false) && socket.nonblocking().unwrap_or(false);
        for _ in 0..if fit { queued(&socket).unwrap_or(0) } else { 0 } {
            if !admission.room().is_open() || admission.worker().is_paused() {
                admission.room().tell_full();
                return taken;
            }
            match accept_from(&socket) {
                Ok((stream, peer)) => {
                    taken += 1;
                    admission.admit(stream, peer, None);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    Failures::of(admission.worker()).count(&error);
                    return taken;
                }
            }
            coop::consume_budget().await;
        }
    }
    taken
}

/// From a socket that does not block.
fn accept_from(listener: &Socket) -> io::Result<(Stream, Address)> {
    let (socket, peer) = listener.accept()?;
    let peer = address_of(&peer);
    Ok((Stream::adopt(socket, &peer)?, peer))
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
struct Failures<'a> {
    worker: &'a Worker,
    in_a_row: u32,
    unlogged: u64,
    logged: Option<Instant>,
}

impl<'a> Failures<'a> {
    fn of(worker: &'a Worker) -> Self {
        Self { worker, in_a_row: 0, unlogged: 0, logged: None }
    }

    /// Counts one more, and leaves the listener alone for a while.
    async fn wait(&mut self, error: &io::Error) {
        self.count(error);
        let back_off = BACK_OFF_MIN.saturating_mul(1 << self.in_a_row.min(16));
        self.in_a_row = self.in_a_row.saturating_add(1);
        tokio::time::sleep(back_off.min(BACK_OFF_MAX)).await;
    }

    /// Counts one more, and logs it unless one was logged just now.
    fn count(&mut self, error: &io::Error) {
        self.worker.row().accept_failed();
        self.unlogged += 1;
        let now = Instant::now();
        if self.logged.is_none_or(|then| LOG_INTERVAL <= now - then) {
            let (server, failures) = (self.worker.server(), std::mem::take(&mut self.unlogged));
            tracing::error!(server, %error, failures, "cannot accept, trying again");
            self.logged = Some(now);
        }
    }
}
