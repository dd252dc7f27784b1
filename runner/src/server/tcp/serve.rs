//! Serving one connection.

use super::conn::{Close, Conn};
use super::handler::Handler;
use crate::error::{Error, Result};
use crate::server::run::{Limits, Protocol, Session, run};
use crate::server::{Serve, Worker, catch_panic, notify};
use bytes::{BufMut, BytesMut};
use socket2::SockRef;
use std::future::Future;
use std::io::ErrorKind;
use std::net::{Shutdown, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

/// How long a connection may still deliver data after a drain has begun: what the client sent
/// before it knew.
const DRAIN_GRACE: Duration = Duration::from_millis(100);

/// How long a closing connection may take nothing of what is left to send.
const STALL_MAX: Duration = Duration::from_secs(10);

/// How long to wait for the client's own end after ours: a socket closed with unread data resets
/// the connection, and the client could lose what was sent last (RFC 9293, section 3.10.4).
const LINGER: Duration = Duration::from_millis(500);

/// How much is read at once at first; twice that after each read that filled the buffer.
const READ_MIN: usize = 4 * 1024;

/// How many connections over the limit may say goodbye at a time; more are closed unanswered.
const FULL_ANSWERS_MAX: u32 = 64;

/// A tcp server, by the constructor of its handler.
pub(crate) struct Tcp<F>(pub(crate) F);

impl<H, F, Fut> Serve for Tcp<F>
where
    H: Handler,
    F: Fn(Worker) -> Fut + Send + Sync,
    Fut: Future<Output = Result<H>>,
{
    fn serve(&self, session: Session) -> Pin<Box<dyn Future<Output = Result> + '_>> {
        Box::pin(run::<TcpProtocol<H>>(session, async |worker| {
            (self.0)(worker).await
        }))
    }
}

struct TcpProtocol<H> {
    handler: Arc<H>,
    worker: Worker,
    limits: Limits,
    answering_full: AtomicU32,
}

impl<H: Handler> Protocol for TcpProtocol<H> {
    type Handler = H;
    type Conn = Conn;

    fn new(handler: Arc<H>, worker: Worker, limits: Limits) -> Self {
        Self {
            handler,
            worker,
            limits,
            answering_full: AtomicU32::new(0),
        }
    }

    fn handler(&self) -> &H {
        &self.handler
    }

    fn connection(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> impl Future<Output = ()> + Send + 'static {
        self.clone().connected(stream, peer)
    }
}

impl<H: Handler> TcpProtocol<H> {
    async fn connected(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let Ok(local) = stream.local_addr() else {
            return;
        };
        let conn = Conn::new(self.worker.clone(), stream, peer, local);
        let Some(table) = self.worker.table::<Conn>() else {
            return;
        };
        if !table.insert(&conn, self.limits.max_connections) {
            return self.full(&conn).await;
        }
        if let Err(error) = with_writer(&conn, self.converse(&conn)).await {
            with_writer(&conn, async {
                notify("error", self.handler.error(&conn, &error)).await;
                Ok(())
            })
            .await
            .ok();
        }
        finish(&conn).await;
        table.remove(&conn);
        notify("close", self.handler.close(&conn)).await;
    }

    /// Calls the handler for what the client does, until either side is done.
    async fn converse(&self, conn: &Conn) -> Result {
        catch_panic(self.handler.connect(conn)).await??;
        let mut buffer = BytesMut::new();
        let mut at_once = READ_MIN.min(self.limits.receive_buffer);
        let mut drained_at = None;
        while !conn.is_closed() && self.readable(conn, &mut drained_at).await? {
            if conn.is_paused() || self.worker.is_paused() {
                continue;
            }
            if buffer.capacity() < READ_MIN / 4 {
                buffer.reserve(at_once);
            }
            match conn
                .stream()
                .try_read_buf(&mut (&mut buffer).limit(self.limits.receive_buffer))
            {
                Ok(0) => break,
                Ok(length) if length == at_once => {
                    at_once = (at_once * 2).min(self.limits.receive_buffer);
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            }
            conn.received();
            catch_panic(self.handler.receive(conn, buffer.split().freeze())).await??;
        }
        Ok(())
    }

    /// Waits for data; false when none is to be read any more. In a drain that is so from
    /// `drained_at` on, which this sets when it notices the drain.
    async fn readable(&self, conn: &Conn, drained_at: &mut Option<Instant>) -> Result<bool> {
        let drain = &self.worker.shutdown().drain;
        if drained_at.is_none() && !drain.is_cancelled() {
            let unpaused = async {
                if conn.is_paused() || self.worker.is_paused() {
                    conn.resumed().await;
                    self.worker.resumed().await;
                }
                conn.stream().readable().await
            };
            tokio::select! {
                biased;
                ready = unpaused => {
                    ready?;
                    return Ok(true);
                }
                () = conn.closing(Close::Flushed) => return Ok(false),
                () = drain.cancelled() => {}
            }
        }
        let end = *drained_at.get_or_insert_with(|| Instant::now() + DRAIN_GRACE);
        match timeout_at(end, conn.stream().readable()).await {
            Ok(ready) if Instant::now() < end => ready.map(|()| true).map_err(Error::from),
            _ => Ok(false),
        }
    }

    /// Lets the handler say goodbye to a connection over the limit.
    async fn full(&self, conn: &Conn) {
        if self.answering_full.fetch_add(1, Ordering::Relaxed) < FULL_ANSWERS_MAX {
            let goodbye = async {
                notify("connect_full", self.handler.connect_full(conn)).await;
                Ok(())
            };
            // The client gets it or is gone; either way there is nobody to tell.
            let _ = with_writer(conn, goodbye).await;
            finish(conn).await;
        }
        self.answering_full.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs `work` while what it queues is sent, until it ends, sending fails, or the connection is
/// closed at once.
async fn with_writer(conn: &Conn, work: impl Future<Output = Result>) -> Result {
    tokio::select! {
        biased;
        result = work => result,
        error = conn.outbox().write(conn.stream()) => Err(error.into()),
        () = conn.closing(Close::Now) => Ok(()),
    }
}

/// Sends what is left, as far as the client takes it, and closes.
async fn finish(conn: &Conn) {
    conn.close();
    let flushed = tokio::select! {
        flushed = flush(conn) => flushed,
        () = conn.closing(Close::Now) => false,
    };
    conn.close_now();
    conn.outbox().close();
    let socket = SockRef::from(conn.stream());
    if flushed && socket.shutdown(Shutdown::Write).is_ok() {
        let _ = timeout(LINGER, discard(conn.stream())).await;
    }
    // A clone of the connection may keep the descriptor open; the connection ends here all the same.
    let _ = socket.shutdown(Shutdown::Both);
}

/// Whether everything went out; gives up on a client that takes nothing for [`STALL_MAX`].
async fn flush(conn: &Conn) -> bool {
    let mut left = conn.queued();
    let mut flushing = pin!(conn.outbox().flush(conn.stream()));
    loop {
        match timeout(STALL_MAX, flushing.as_mut()).await {
            Ok(flushed) => return flushed.is_ok(),
            Err(_) if conn.queued() < left => left = conn.queued(),
            Err(_) => return false,
        }
    }
}

/// Reads until the client has ended its side.
async fn discard(stream: &TcpStream) {
    let mut sink = [0; 1024];
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut sink) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
