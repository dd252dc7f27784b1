//! Serving one connection.

use super::conn::{Close, Conn};
use super::handler::Handler;
use crate::error::{Error, Result};
use crate::server::admission::Protocol;
use crate::server::client::Client;
use crate::server::run::{Limits, Session, run};
use crate::server::stream::Stream;
use crate::server::{LINGER_MAX, STALL_MAX, Serve, Worker, catch_panic, notify, spread};
use bytes::{BufMut, BytesMut};
use futures_util::FutureExt;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long a connection may still deliver data after a drain has begun: what the client sent
/// before it knew.
const DRAIN_GRACE: Duration = Duration::from_millis(100);

/// How much longer, at most: connections are closed one after another in this time, so that not all
/// clients come back in the same moment.
const DRAIN_SPREAD: Duration = Duration::from_millis(400);

/// How long to wait for more from the client, or its own end, after ours: a socket closed with
/// unread data resets the connection, and the client could lose what was sent last (RFC 9293,
/// section 3.10.4).
const LINGER: Duration = Duration::from_millis(500);

/// How much is read at once at first; twice that after each read that filled the buffer.
const READ_MIN: usize = 4 * 1024;

/// A tcp server, by the constructor of its handler.
pub(crate) struct Tcp<F>(pub(crate) F);

impl<H, F, Fut> Serve for Tcp<F>
where
    H: Handler,
    F: Fn(Worker) -> Fut + Send + Sync,
    Fut: Future<Output = Result<H>>,
{
    fn serve(&self, session: Session) -> Pin<Box<dyn Future<Output = Result> + '_>> {
        Box::pin(run::<TcpProtocol<H>>(session, async |worker| (self.0)(worker).await))
    }
}

struct TcpProtocol<H> {
    handler: Arc<H>,
    worker: Worker,
    receive_buffer: usize,
}

impl<H: Handler> Protocol for TcpProtocol<H> {
    type Handler = H;
    type Conn = Conn;
    type Io = ();

    fn new(handler: Arc<H>, worker: Worker, limits: Limits) -> Self {
        Self { handler, worker, receive_buffer: limits.receive_buffer }
    }

    fn open(&self, stream: Stream, client: Client) -> (Conn, ()) {
        (Conn::new(client, stream), ())
    }

    async fn serve(&self, (): (), conn: &Conn) -> Result {
        self.worker.served(conn.id());
        with_writer(conn, self.converse(conn)).await
    }

    async fn error(&self, conn: &Conn, error: &Error) {
        let event = notify("error", self.handler.error(conn, error));
        // Sending fails when it is sending that failed, and that has been told.
        let _ = with_writer(conn, event.map(Ok)).await;
    }

    async fn finish(&self, conn: &Conn) {
        finish(conn).await;
    }

    async fn close(&self, conn: &Conn) {
        notify("close", self.handler.close(conn)).await;
    }

    async fn full(&self, (): (), conn: &Conn) {
        let event = notify("connect_full", self.handler.connect_full(conn));
        // The client gets it or is gone; either way there is nobody to tell.
        let _ = with_writer(conn, event.map(Ok)).await;
        finish(conn).await;
    }
}

impl<H: Handler> TcpProtocol<H> {
    /// Calls the handler for what the client does, until either side is done.
    async fn converse(&self, conn: &Conn) -> Result {
        catch_panic(self.handler.connect(conn)).await??;
        let mut buffer = BytesMut::new();
        let mut at_once = READ_MIN.min(self.receive_buffer);
        let mut done = pin!(self.done(conn));
        loop {
            let last = tokio::select! {
                biased;
                done = done.as_mut() => match self.readable(conn).now_or_never() {
                    // It came in time, and was not looked at because there was much to do.
                    Some(ready) if done == Done::Drained => ready.map(|()| true)?,
                    _ => return Ok(()),
                },
                ready = self.readable(conn) => ready.map(|()| false)?,
            };
            if buffer.capacity() < READ_MIN / 4 {
                buffer.reserve(at_once);
            }
            let mut room = (&mut buffer).limit(self.receive_buffer);
            match conn.stream().try_read_buf(&mut room) {
                Ok(0) => return Ok(()),
                Ok(length) if at_once <= length => {
                    at_once = (at_once * 2).min(self.receive_buffer);
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock && !last => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
            let _receiving = conn.received();
            catch_panic(self.handler.receive(conn, buffer.split().freeze())).await??;
            if last {
                return Ok(());
            }
        }
    }

    /// Waits until nothing is to be read any more.
    async fn done(&self, conn: &Conn) -> Done {
        let drained = async {
            self.worker.shutdown().drain.cancelled().await;
            sleep(DRAIN_GRACE + spread(DRAIN_SPREAD, conn.id())).await;
        };
        tokio::select! {
            () = conn.closing(Close::Flushed) => Done::Closed,
            () = drained => Done::Drained,
        }
    }

    /// Waits until there is something to read and nobody minds.
    async fn readable(&self, conn: &Conn) -> io::Result<()> {
        loop {
            if conn.is_paused() || self.worker.is_paused() {
                conn.resumed().await;
                self.worker.resumed().await;
                continue;
            }
            conn.stream().readable().await?;
            if !conn.is_paused() && !self.worker.is_paused() {
                return Ok(());
            }
        }
    }
}

/// Why nothing is to be read any more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Done {
    /// The connection is to be closed.
    Closed,
    /// There was time enough for what was on its way.
    Drained,
}

/// Does `work` to its end while what it queues is sent.
async fn with_writer(conn: &Conn, work: impl Future<Output = Result>) -> Result {
    let mut work = pin!(work);
    let broken = tokio::select! {
        biased;
        done = work.as_mut() => return done,
        error = conn.outbox().write(conn.stream()) => error,
    };
    // The work finds out when it sends or reads next; what it makes of that explains less.
    conn.close_now();
    let _ = work.await;
    Err(broken.into())
}

/// Sends what is left, as far as the client takes it, and closes.
async fn finish(conn: &Conn) {
    conn.close();
    let flushed = tokio::select! {
        biased;
        () = conn.closing(Close::Now) => false,
        flushed = flush(conn) => flushed,
    };
    if flushed && conn.stream().shutdown(Shutdown::Write).is_ok() {
        let _ = timeout(LINGER_MAX, discard(conn.stream())).await;
    }
    conn.close_now();
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

/// Reads until the client has ended its side or is silent.
async fn discard(stream: &Stream) {
    while let Ok(Ok(())) = timeout(LINGER, stream.readable()).await {
        // Made anew each time, so that it is no part of every connection's state.
        let mut sink = [0; 16 * 1024];
        match stream.try_read(&mut sink) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
