//! A connection of a TCP client.

use super::outbox::{Outbox, Pushed};
use crate::scoreboard::Asked;
use crate::server::client::Client;
use crate::server::stream::Stream;
use crate::server::{Connection, Worker, worker};
use crate::spec::Address;
use bytes::Bytes;
use std::fmt;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use thiserror::Error;
use tokio::sync::watch;

/// A connection of a TCP client. Cloning it is cheap; a clone may outlive the connection.
///
/// ```
/// use runner::Worker;
/// use runner::tcp::Conn;
///
/// /// Sends a text to every client of this worker that keeps up.
/// fn broadcast(worker: &Worker, text: &'static str) {
///     for conn in worker.connections::<Conn>() {
///         if conn.try_send(text).is_err() {
///             conn.close_now();
///         }
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Conn(Arc<Inner>);

struct Inner {
    client: Client,
    stream: Stream,
    outbox: Outbox,
    state: watch::Sender<State>,
    last_receive: Mutex<Instant>,
    /// Whether a handler has what was received.
    received: AtomicBool,
}

/// What the owner of the connection wants of it.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    paused: bool,
    close: Close,
}

/// Whether and how the connection ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Close {
    #[default]
    No,
    /// Once everything queued is sent.
    Flushed,
    Now,
}

/// Why data was not taken for sending.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection is closed, or about to be.
    #[error("the connection is closed")]
    Closed,
    /// More than 1 MiB waits to be sent already.
    #[error("the client reads too slowly: over 1 MiB waits to be sent to it")]
    Full,
}

impl Conn {
    pub(super) fn new(client: Client, stream: Stream) -> Self {
        Self(Arc::new(Inner {
            client,
            stream,
            outbox: Outbox::default(),
            state: watch::Sender::new(State::default()),
            last_receive: Mutex::new(Instant::now()),
            received: AtomicBool::new(false),
        }))
    }

    /// The number of the connection in its worker, counted from 1 and never used again.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.0.client.id
    }

    /// The address of the client.
    #[must_use]
    pub fn peer(&self) -> &Address {
        &self.0.client.peer
    }

    /// The address that the client connected to.
    #[must_use]
    pub fn local(&self) -> &Address {
        &self.0.client.local
    }

    /// The worker that serves the connection.
    #[must_use]
    pub fn worker(&self) -> &Worker {
        &self.0.client.worker
    }

    /// When data last arrived, or when the client connected.
    #[must_use]
    pub fn last_receive(&self) -> Instant {
        *self.0.last_receive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends `data`, after everything sent before. Waits while over 1 MiB waits to be sent.
    ///
    /// Returning does not mean that the client has it: the rest of it is sent in the background.
    ///
    /// # Errors
    /// [`SendError::Closed`] once the connection is closed or closing.
    pub async fn send(&self, data: impl Into<Bytes>) -> Result<(), SendError> {
        let mut data = data.into();
        loop {
            match self.push(data) {
                Pushed::Taken => return Ok(()),
                Pushed::Closed => return Err(SendError::Closed),
                Pushed::Full(rest) => data = rest,
            }
            self.0.outbox.room(data.len()).await;
        }
    }

    /// Sends `data` if it can be queued now; for many clients at once, of which some may be slow.
    ///
    /// # Errors
    /// [`SendError::Full`] while over 1 MiB waits to be sent, [`SendError::Closed`] once the
    /// connection is closed or closing.
    pub fn try_send(&self, data: impl Into<Bytes>) -> Result<(), SendError> {
        match self.push(data.into()) {
            Pushed::Taken => Ok(()),
            Pushed::Closed => Err(SendError::Closed),
            Pushed::Full(_) => Err(SendError::Full),
        }
    }

    fn push(&self, data: Bytes) -> Pushed {
        if self.is_closed() {
            return Pushed::Closed;
        }
        self.0.outbox.push(&self.0.stream, data)
    }

    /// How much waits to be sent, in bytes, beside what the kernel has taken.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.0.outbox.len()
    }

    /// Closes the connection once everything sent so far has gone out; takes nothing more.
    pub fn close(&self) {
        self.request_close(Close::Flushed);
    }

    /// Closes the connection at once; what waits to be sent is lost.
    ///
    /// A handler that is at work on the connection goes on to its end.
    pub fn close_now(&self) {
        self.request_close(Close::Now);
        self.0.outbox.close();
        // A clone of the connection may keep the descriptor open, so closing that does not do.
        let _ = self.0.stream.shutdown(Shutdown::Both);
    }

    /// Whether the connection is closed or closing.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.state.borrow().close > Close::No
    }

    /// Reads nothing from the client until [`resume`](Self::resume); the kernel stops the client
    /// once its buffers are full.
    pub fn pause(&self) {
        self.0.state.send_modify(|state| state.paused = true);
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.0.state.send_modify(|state| state.paused = false);
    }

    /// Whether the connection is paused.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.0.state.borrow().paused
    }

    fn request_close(&self, close: Close) {
        self.0.state.send_modify(|state| state.close = state.close.max(close));
    }

    /// Waits until the connection is to be closed in this way or a faster one.
    pub(super) async fn closing(&self, close: Close) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.0.state.subscribe().wait_for(|state| state.close >= close).await;
    }

    /// Waits while the connection is paused.
    pub(super) async fn resumed(&self) {
        let _ = self.0.state.subscribe().wait_for(|state| !state.paused).await;
    }

    /// Data has arrived; a handler is at work until the guard is dropped.
    pub(super) fn received(&self) -> Receiving<'_> {
        self.worker().row().request_begun(&Asked::new("receive", ""));
        self.0.received.store(true, Relaxed);
        *self.0.last_receive.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Receiving(self)
    }

    pub(super) fn stream(&self) -> &Stream {
        &self.0.stream
    }

    pub(super) fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }
}

impl Connection for Conn {}

impl worker::sealed::Connection for Conn {
    fn client(&self) -> &Client {
        &self.0.client
    }

    fn doing(&self) -> String {
        match self.queued() {
            _ if self.0.received.load(Relaxed) => "in `receive`".to_owned(),
            0 => "idle".to_owned(),
            bytes => format!("taking the last {bytes} bytes"),
        }
    }

    fn close_now(&self) {
        self.close_now();
    }
}

/// The work of a handler on what was received.
pub(super) struct Receiving<'a>(&'a Conn);

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        self.0.0.received.store(false, Relaxed);
        self.0.worker().row().request_ended();
    }
}

impl fmt::Debug for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.client.fmt(f)
    }
}
