//! A connection of an HTTP client, and what it is doing.

use super::{Method, Uri, clock};
use crate::scoreboard::Asked;
use crate::server::client::Client;
use crate::server::{Connection, Worker, worker};
use crate::spec::Address;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::Notify;

/// A connection of an HTTP client. Cloning it is cheap.
///
/// ```
/// use runner::http::Conn;
///
/// /// Answers, and has the client connect anew for its next request.
/// fn farewell(conn: &Conn) -> String {
///     conn.close();
///     format!("goodbye, {}\n", conn.peer())
/// }
/// ```
#[derive(Clone)]
pub struct Conn(Arc<Inner>);

struct Inner {
    client: Client,
    phase: AtomicU8,
    /// Whether a message is held up by the client.
    stalled: AtomicBool,
    /// Whether nobody will read the rest of the last request's body.
    body_abandoned: AtomicBool,
    /// When the phase began or last made progress, in milliseconds of [`clock::now`].
    since: AtomicU64,
    close: AtomicU8,
    /// The last request.
    asked: [AtomicU64; ASKED_WORDS],
    changed: Notify,
}

/// The room for the last request, in words of eight bytes.
const ASKED_WORDS: usize = 8;

/// What a connection is doing; decides how long it may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Nothing has arrived yet.
    New = 0,
    /// The head of a request is arriving.
    Head = 1,
    /// A handler runs or its response is being produced.
    Busy = 2,
    /// Between two requests.
    Idle = 3,
    /// Everything is sent; what still arrives is thrown away.
    Lingering = 4,
}

/// How the handler wants the connection to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Close {
    No = 0,
    AfterResponse = 1,
    Now = 2,
}

impl Conn {
    pub(super) fn new(client: Client) -> Self {
        Self(Arc::new(Inner {
            client,
            phase: AtomicU8::new(Phase::New as u8),
            stalled: AtomicBool::new(false),
            body_abandoned: AtomicBool::new(false),
            since: AtomicU64::new(millis(clock::now())),
            close: AtomicU8::new(Close::No as u8),
            asked: [const { AtomicU64::new(0) }; ASKED_WORDS],
            changed: Notify::new(),
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

    /// Closes the connection once the response in progress, if there is one, is sent.
    pub fn close(&self) {
        self.request_close(Close::AfterResponse);
    }

    /// Closes the connection at once; what is not sent yet is lost, and so is the response of a
    /// handler that calls this.
    pub fn close_now(&self) {
        self.request_close(Close::Now);
    }

    fn request_close(&self, close: Close) {
        self.0.close.fetch_max(close as u8, Relaxed);
        self.0.changed.notify_one();
    }

    /// Waits until how it is to end has changed, or what it is doing for its last moments.
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    pub(super) fn close_requested(&self) -> Close {
        match self.0.close.load(Relaxed) {
            0 => Close::No,
            1 => Close::AfterResponse,
            _ => Close::Now,
        }
    }

    /// A request has been read; the guard lives until its response has been produced.
    pub(super) fn begin_request(&self, method: &Method, uri: &Uri) -> Busy {
        let worker = self.worker();
        let asked = Asked::new(method.as_str(), uri.path());
        asked.store(&self.0.asked);
        worker.served(worker.row().request_begun(&asked));
        self.0.body_abandoned.store(false, Relaxed);
        self.0.phase.store(Phase::Busy as u8, Relaxed);
        Busy(self.clone())
    }

    /// Bytes have come in.
    pub(super) fn received(&self) {
        if matches!(self.phase(), Phase::New | Phase::Idle) {
            self.enter(Phase::Head);
        }
    }

    /// Nobody will read the rest of the request's body.
    pub(super) fn abandon_body(&self) {
        self.0.body_abandoned.store(true, Relaxed);
    }

    /// Whether the client sends what nobody will read.
    pub(super) fn is_sent_more(&self) -> bool {
        self.0.body_abandoned.load(Relaxed)
    }

    /// Everything is sent, and only the client's own end is awaited.
    pub(super) fn linger(&self) {
        self.enter(Phase::Lingering);
        self.0.changed.notify_one();
    }

    /// A message waits for the client to take or to send more of it.
    pub(super) fn stall(&self) {
        if !self.0.stalled.swap(true, Relaxed) {
            self.touch();
        }
    }

    /// The client has taken or sent something: a slow one is not a dead one.
    pub(super) fn advance(&self) {
        self.0.stalled.store(false, Relaxed);
        self.touch();
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.0.stalled.load(Relaxed)
    }

    pub(super) fn phase(&self) -> Phase {
        match self.0.phase.load(Relaxed) {
            0 => Phase::New,
            1 => Phase::Head,
            2 => Phase::Busy,
            3 => Phase::Idle,
            _ => Phase::Lingering,
        }
    }

    /// When the phase began, or last made progress, by [`clock::now`].
    pub(super) fn since(&self) -> Duration {
        Duration::from_millis(self.0.since.load(Relaxed))
    }

    fn enter(&self, phase: Phase) {
        self.0.phase.store(phase as u8, Relaxed);
        self.touch();
    }

    fn touch(&self) {
        self.0.since.store(millis(clock::now()), Relaxed);
    }
}

impl Connection for Conn {}

impl worker::sealed::Connection for Conn {
    fn client(&self) -> &Client {
        &self.0.client
    }

    fn doing(&self) -> String {
        match self.phase() {
            Phase::New => "silent so far".to_owned(),
            Phase::Head => "sending a request".to_owned(),
            Phase::Busy => Asked::read(&self.0.asked).unwrap_or_default(),
            Phase::Idle => "idle".to_owned(),
            Phase::Lingering => "closing".to_owned(),
        }
    }

    fn close_now(&self) {
        self.close_now();
    }
}

impl fmt::Debug for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.client.fmt(f)
    }
}

/// A request in progress.
pub(super) struct Busy(Conn);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.worker().row().request_ended();
        self.0.enter(Phase::Idle);
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
