//! The socket of a connection.
//!
//! Small writes are gathered until the connection has nothing left to do, so that the answers to
//! requests that came together leave together, in one system call. hyper can do so itself
//! (`pipeline_flush`), but then takes any amount of a body without waiting for the client, and
//! sends no answer while the next request is incomplete, not even before it closes.

use super::clock;
use super::conn::Conn;
use crate::server::LINGER_MAX;
use crate::server::stream::Stream;
use bytes::{Buf, BytesMut};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is gathered at most, in bytes; copying more costs more than the call it saves.
const GATHERED_MAX: usize = 4 * 1024;

/// How much is read at a time of what nobody wants.
const DISCARDED_MAX: usize = 16 * 1024;

/// A socket that hyper reads and writes, and that is sent by [`poll_send`](Self::poll_send) after
/// hyper has done all it could.
#[derive(Clone)]
pub(super) struct Socket(Arc<Mutex<Inner>>);

struct Inner {
    stream: Stream,
    conn: Conn,
    gathered: BytesMut,
    /// The client has ended its side.
    read_closed: bool,
    /// We have ended ours.
    write_closed: bool,
    /// Since when things arrive that nobody will read.
    unread_since: Option<Duration>,
}

impl Socket {
    pub(super) fn new(stream: Stream, conn: Conn) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            stream,
            conn,
            gathered: BytesMut::new(),
            read_closed: false,
            write_closed: false,
            unread_since: None,
        })))
    }

    /// Sends what has been gathered.
    pub(super) fn poll_send(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lock().poll_send(context)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // It is held for single calls, none of which panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.gathered.is_empty() {
            let sent = Pin::new(&mut self.stream).poll_write(context, &self.gathered);
            let sent = ready!(self.watch(sent))?;
            self.gathered.advance(sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Tells the connection what became of a write.
    fn watch(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(_) => self.conn.advance(),
            Poll::Pending => self.conn.stall(),
        }
        written
    }

    /// Waits for the client's own end while it still sends: a socket closed with unread data resets
    /// the connection, and the client could lose the last answer (RFC 9112, section 9.6).
    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut sink = [MaybeUninit::uninit(); DISCARDED_MAX];
        while !self.read_closed {
            let mut buffer = ReadBuf::uninit(&mut sink);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => self.read_closed = true,
                Poll::Ready(Ok(())) => self.discarded(),
                Poll::Ready(Err(_)) => self.read_closed = true,
                Poll::Pending if self.unread_since.is_some() => return Poll::Pending,
                Poll::Pending if self.conn.is_sent_more() => {
                    self.discarded();
                    return Poll::Pending;
                }
                Poll::Pending => return Poll::Ready(()),
            }
        }
        Poll::Ready(())
    }

    /// Gives the client more time to notice, though not for ever.
    fn discarded(&mut self) {
        let now = clock::now();
        match self.unread_since {
            None => {
                self.unread_since = Some(now);
                self.conn.linger();
            }
            Some(since) if now.saturating_sub(since) < LINGER_MAX => self.conn.advance(),
            Some(_) => self.read_closed = true,
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut inner = self.lock();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut inner.stream).poll_read(context, buffer))?;
        if before < buffer.filled().len() {
            inner.conn.received();
        } else {
            inner.read_closed = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut inner = self.lock();
        let length = slices.iter().map(|slice| slice.len()).sum::<usize>();
        if inner.gathered.len() + length <= GATHERED_MAX {
            for slice in slices {
                inner.gathered.extend_from_slice(slice);
            }
            return Poll::Ready(Ok(length));
        }
        ready!(inner.poll_send(context))?;
        let sent = Pin::new(&mut inner.stream).poll_write_vectored(context, slices);
        inner.watch(sent)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Leaves it to [`Socket::poll_send`].
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.lock();
        ready!(inner.poll_send(context))?;
        if !inner.write_closed {
            if inner.poll_discard(context).is_ready() {
                // With nothing left to read, the close that follows says as much.
                return Poll::Ready(Ok(()));
            }
            inner.write_closed = true;
            // It fails when the client has closed already, and then all is well.
            if ready!(Pin::new(&mut inner.stream).poll_shutdown(context)).is_err() {
                inner.read_closed = true;
            }
        }
        inner.poll_discard(context).map(Ok)
    }
}
