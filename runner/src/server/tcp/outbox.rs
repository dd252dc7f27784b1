//! What waits to be sent on a connection, with a limit.

use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// How much may wait on one connection, in bytes; the default of Workerman's `maxSendBufferSize`.
const LIMIT: usize = 1024 * 1024;

/// How many pieces one system call sends; more bring no gain.
const SLICES_MAX: usize = 16;

/// The bytes that the socket did not take yet, in order.
#[derive(Default)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    /// Something was queued.
    filled: Notify,
    /// Room was made, or there will never be any.
    drained: Notify,
}

#[derive(Default)]
struct Queue {
    pieces: VecDeque<Bytes>,
    length: usize,
    closed: bool,
}

/// What became of bytes given to an [`Outbox`].
pub(super) enum Pushed {
    Taken,
    /// There is no room for them now.
    Full(Bytes),
    /// Nothing is sent any more.
    Closed,
}

impl Outbox {
    /// Sends as much as the socket takes at once and queues the rest, if there is room.
    ///
    /// A piece larger than the limit is taken when nothing else waits, as it never would be
    /// otherwise.
    pub(super) fn push(&self, stream: &TcpStream, mut data: Bytes) -> Pushed {
        let mut queue = self.lock();
        if queue.closed {
            return Pushed::Closed;
        }
        if queue.length == 0 {
            // A failure shows again when the writer tries, which reports it.
            let sent = stream.try_write(&data).unwrap_or(0);
            data.advance(sent);
            if data.is_empty() {
                return Pushed::Taken;
            }
        } else if !queue.has_room(data.len()) {
            return Pushed::Full(data);
        }
        queue.length += data.len();
        queue.pieces.push_back(data);
        drop(queue);
        self.filled.notify_one();
        Pushed::Taken
    }

    /// Waits until there may be room for `wanted` bytes.
    pub(super) async fn room(&self, wanted: usize) {
        let drained = self.drained.notified();
        if !self.lock().has_room(wanted) {
            drained.await;
        }
    }

    /// Sends what is queued as the socket takes it; returns only with an error.
    pub(super) async fn write(&self, stream: &TcpStream) -> io::Error {
        loop {
            match self.flush(stream).await {
                Ok(()) => self.filled.notified().await,
                Err(error) => return error,
            }
        }
    }

    /// Sends all that is queued.
    pub(super) async fn flush(&self, stream: &TcpStream) -> io::Result<()> {
        while self.len() > 0 {
            match self.write_some(stream) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    stream.writable().await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn write_some(&self, stream: &TcpStream) -> io::Result<()> {
        let mut queue = self.lock();
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(&queue.pieces) {
            *slice = IoSlice::new(piece);
            count += 1;
        }
        let sent = stream.try_write_vectored(&slices[..count])?;
        queue.advance(sent);
        drop(queue);
        self.drained.notify_waiters();
        Ok(())
    }

    /// Refuses everything from now on and drops what waits.
    pub(super) fn close(&self) {
        let mut queue = self.lock();
        *queue = Queue {
            closed: true,
            ..Queue::default()
        };
        drop(queue);
        self.drained.notify_waiters();
    }

    pub(super) fn len(&self) -> usize {
        self.lock().length
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it is held.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn has_room(&self, wanted: usize) -> bool {
        self.closed || self.length == 0 || self.length + wanted <= LIMIT
    }

    fn advance(&mut self, mut sent: usize) {
        self.length -= sent;
        while let Some(piece) = self.pieces.front_mut() {
            if sent < piece.len() {
                piece.advance(sent);
                return;
            }
            sent -= piece.len();
            self.pieces.pop_front();
        }
    }
}
