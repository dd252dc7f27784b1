//! A connection from its acceptance to its end, whatever its protocol.

use super::client::Client;
use super::room::{Place, Room};
use super::run::Limits;
use super::stream::Stream;
use super::worker::sealed::Connection as _;
use super::worker::{Connection, Worker};
use super::{Lifecycle, catch_panic};
use crate::error::{Error, Result};
use crate::spec::Address;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How many connections over the limit are answered at a time; more are closed unanswered, so that
/// the limit is one.
const FULL_ANSWERS_MAX: usize = 64;

/// Of how many connections it is logged what they were doing when they were cut off.
const OLDEST: usize = 5;

/// The part of a protocol that the life of a server does not share.
///
/// Every method but the first two fires events of one connection.
pub(crate) trait Protocol: Send + Sync + 'static {
    type Handler: Lifecycle;
    type Conn: Connection;
    /// What serving takes beside the connection that handlers see.
    type Io: Send + 'static;

    fn new(handler: Arc<Self::Handler>, worker: Worker, limits: Limits) -> Self;

    fn open(&self, stream: Stream, client: Client) -> (Self::Conn, Self::Io);

    /// Fires `connect` and what follows from it, until either side is done. It ends soon after a
    /// drain has begun.
    fn serve(&self, io: Self::Io, conn: &Self::Conn) -> impl Future<Output = Result> + Send;

    /// Fires `error`.
    fn error(&self, conn: &Self::Conn, error: &Error) -> impl Future<Output = ()> + Send;

    /// Sends what is left.
    fn finish(&self, conn: &Self::Conn) -> impl Future<Output = ()> + Send;

    /// Fires `close`.
    fn close(&self, conn: &Self::Conn) -> impl Future<Output = ()> + Send;

    /// Fires `connect_full` and sends what it says.
    fn full(&self, io: Self::Io, conn: &Self::Conn) -> impl Future<Output = ()> + Send;
}

/// Takes connections in, up to the limit.
pub(super) struct Admission<P> {
    protocol: P,
    worker: Worker,
    room: Arc<Room>,
    full_answers: Semaphore,
    /// Everything in flight is left now.
    cut: CancellationToken,
    tasks: TaskTracker,
}

impl<P: Protocol> Admission<P> {
    pub(super) fn new(protocol: P, worker: Worker, room: Arc<Room>) -> Self {
        Self {
            protocol,
            worker,
            room,
            full_answers: Semaphore::new(FULL_ANSWERS_MAX),
            cut: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    pub(super) fn worker(&self) -> &Worker {
        &self.worker
    }

    pub(super) fn room(&self) -> &Room {
        &self.room
    }

    /// Waits until nothing is to be accepted, because the worker is paused or has no room.
    pub(super) async fn halted(&self) {
        tokio::select! {
            () = self.worker.paused() => {}
            () = self.room.closed() => {}
        }
    }

    /// Serves a connection; beyond the limit, only to say so. Without `local`, the address that the
    /// client has connected to is asked for.
    pub(super) fn admit(self: &Arc<Self>, stream: Stream, peer: Address, local: Option<Address>) {
        self.worker.row().accepted();
        let admission = self.clone();
        let place = self.room.take();
        self.tasks.spawn(async move {
            admission.attend(stream, peer, local, place).await;
            admission.worker.row().closed();
        });
    }

    /// Waits until every connection has ended; none may be admitted any more.
    pub(super) async fn finished(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Leaves everything in flight as it is.
    pub(super) fn cut(&self) {
        self.cut.cancel();
    }

    /// What the oldest connections are doing, for a log.
    pub(super) fn oldest(&self) -> String {
        let mut open = self.worker.connections::<P::Conn>();
        open.sort_unstable_by_key(|conn| conn.client().id);
        let describe = |conn: &P::Conn| {
            let client = conn.client();
            format!("{} for {:.1?}: {}", client.peer, client.since.elapsed(), conn.doing())
        };
        let oldest: Vec<_> = open.iter().take(OLDEST).map(describe).collect();
        oldest.join("; ")
    }

    /// The number of connections, those over the limit included.
    pub(super) fn open(&self) -> usize {
        self.tasks.len()
    }

    async fn attend(
        &self,
        stream: Stream,
        peer: Address,
        local: Option<Address>,
        place: Option<Place>,
    ) {
        let Ok(local) = local.map_or_else(|| stream.local(), Ok) else {
            return;
        };
        let Some(table) = self.worker.table::<P::Conn>() else {
            return;
        };
        let client = Client::new(self.worker.clone(), peer, local);
        let (conn, io) = self.protocol.open(stream, client);
        if place.is_some() {
            table.insert(&conn);
            self.until_stopped(self.converse(io, &conn)).await;
            conn.close_now();
            table.remove(&conn);
            drop(place);
            self.protocol.close(&conn).await;
        } else if let Ok(_permit) = self.full_answers.try_acquire() {
            self.until_stopped(self.protocol.full(io, &conn)).await;
            conn.close_now();
        }
    }

    async fn converse(&self, io: P::Io, conn: &P::Conn) {
        let served = catch_panic(self.protocol.serve(io, conn)).await.flatten();
        if let Err(error) = served {
            self.protocol.error(conn, &error).await;
        }
        self.protocol.finish(conn).await;
    }

    /// Drops the work unfinished when everything is to be left.
    async fn until_stopped(&self, work: impl Future<Output = ()>) {
        tokio::select! {
            biased;
            () = work => {}
            () = self.cut.cancelled() => {}
        }
    }
}
