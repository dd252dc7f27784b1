//! What waits to be sent on a connection, with a limit.

use crate::server::stream::Stream;
use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Mutex, MutexGuard, PoisonError};
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
    pub(super) fn push(&self, stream: &Stream, mut data: Bytes) -> Pushed {
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
    pub(super) async fn write(&self, stream: &Stream) -> io::Error {
        loop {
            match self.flush(stream).await {
                Ok(()) => self.filled.notified().await,
                Err(error) => return error,
            }
        }
    }

    /// Sends all that is queued.
    pub(super) async fn flush(&self, stream: &Stream) -> io::Result<()> {
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

    fn write_some(&self, stream: &Stream) -> io::Result<()> {
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
        *queue = Queue { closed: true, ..Queue::default() };
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    #[test]
    fn a_queue_is_advanced_over_any_number_of_pieces() {
        for (sent, left) in [
            (0, &["abc", "", "de", "f"][..]),
            (2, &["c", "", "de", "f"]),
            (3, &["de", "f"]),
            (4, &["e", "f"]),
            (5, &["f"]),
            (6, &[]),
        ] {
            let mut queue = Queue {
                pieces: ["abc", "", "de", "f"].map(Bytes::from).into(),
                length: 6,
                closed: false,
            };
            queue.advance(sent);
            assert_eq!(queue.pieces, left, "{sent}");
            assert_eq!(queue.length, 6 - sent);
        }
    }

    #[test]
    fn there_is_room_up_to_the_limit_and_for_one_larger_piece() {
        for (length, wanted, room) in [
            (0, 0, true),
            (0, 2 * LIMIT, true),
            (1, LIMIT - 1, true),
            (1, LIMIT, false),
            (LIMIT, 0, true),
            (LIMIT, 1, false),
        ] {
            let queue = Queue { length, ..Queue::default() };
            assert_eq!(queue.has_room(wanted), room, "{wanted} beside {length}");
        }
    }

    async fn pair() -> (TcpStream, Stream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
        (client.unwrap(), Stream::Tcp(server.unwrap().0))
    }

    /// Queues pieces, each a number, until there is no more room.
    fn fill(outbox: &Outbox, stream: &Stream) -> u32 {
        let mut pieces = 0_u32;
        while let Pushed::Taken = outbox.push(stream, number(pieces)) {
            pieces += 1;
        }
        pieces
    }

    fn number(number: u32) -> Bytes {
        Bytes::copy_from_slice(&number.to_be_bytes().repeat(5000))
    }

    #[tokio::test]
    async fn everything_taken_arrives_in_order() {
        let (mut client, server) = pair().await;
        let outbox = Outbox::default();
        let pieces = fill(&outbox, &server);
        assert!(LIMIT - 20_000 < outbox.len() && outbox.len() <= LIMIT);
        let read = async {
            for piece in 0..pieces + 1 {
                let mut bytes = vec![0; 20_000];
                client.read_exact(&mut bytes).await.unwrap();
                assert_eq!(bytes, number(piece));
            }
        };
        let write = async {
            // Waits for room, which the writer makes as the client reads.
            outbox.room(20_000).await;
            assert!(matches!(outbox.push(&server, number(pieces)), Pushed::Taken));
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = read => {}
            () = write => unreachable!("it never ends"),
            error = outbox.write(&server) => panic!("{error}"),
        }
        assert_eq!(outbox.len(), 0);
    }

    #[tokio::test]
    async fn closing_wakes_who_waits_for_room_and_refuses() {
        let (_client, server) = pair().await;
        let outbox = Outbox::default();
        fill(&outbox, &server);
        let (mut room, mut waits) = (std::pin::pin!(outbox.room(LIMIT)), true);
        std::future::poll_fn(|context| {
            waits = room.as_mut().poll(context).is_pending();
            std::task::Poll::Ready(())
        })
        .await;
        assert!(waits);
        outbox.close();
        room.await;
        assert_eq!(outbox.len(), 0);
        assert!(matches!(outbox.push(&server, number(0)), Pushed::Closed));
    }

    #[tokio::test]
    async fn a_client_that_is_gone_is_an_error_of_the_writer() {
        let (client, server) = pair().await;
        let outbox = Outbox::default();
        fill(&outbox, &server);
        drop(client);
        let error = outbox.write(&server).await;
        let kinds = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
        assert!(kinds.contains(&error.kind()), "{error}");
    }
}
