//! Serving one connection with hyper.

use super::body::BusyBody;
use super::clock;
use super::conn::{Close, Conn, Phase};
use super::handler::Handler;
use super::io::Watched;
use super::response::{HandlerError, internal_error};
use super::{Request, Response};
use crate::error::{Error, Result};
use crate::server::run::{Limits, Protocol, Session, run};
use crate::server::{Serve, Worker, catch_panic, notify};
use ::http::header::{CONNECTION, HeaderValue};
use axum_core::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::sleep;

/// How long an idle connection may still send one more request after a drain has begun: one that
/// the client sent before it knew.
const DRAIN_GRACE: Duration = Duration::from_millis(500);

/// How many connections over the limit are answered at a time; more are closed unanswered, so that
/// the limit is one.
const FULL_ANSWERS_MAX: u32 = 64;

/// An http server, by the constructor of its handler.
pub(crate) struct Http<F>(pub(crate) F);

impl<H, F, Fut> Serve for Http<F>
where
    H: Handler,
    F: Fn(Worker) -> Fut + Send + Sync,
    Fut: Future<Output = Result<H>>,
{
    fn serve(&self, session: Session) -> Pin<Box<dyn Future<Output = Result> + '_>> {
        Box::pin(run::<HttpProtocol<H>>(session, async |worker| {
            (self.0)(worker).await
        }))
    }
}

struct HttpProtocol<H> {
    handler: Arc<H>,
    worker: Worker,
    limits: Limits,
    builder: http1::Builder,
    answering_full: AtomicU32,
}

impl<H: Handler> Protocol for HttpProtocol<H> {
    type Handler = H;
    type Conn = Conn;

    fn new(handler: Arc<H>, worker: Worker, limits: Limits) -> Self {
        let mut builder = http1::Builder::new();
        // Time is kept per connection by `drive`, for heads and for idleness alike.
        builder.pipeline_flush(true).header_read_timeout(None);
        Self {
            handler,
            worker,
            limits,
            builder,
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

impl<H: Handler> HttpProtocol<H> {
    async fn connected(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let Ok(local) = stream.local_addr() else {
            return;
        };
        let conn = Conn::new(self.worker.clone(), peer, local);
        let Some(table) = self.worker.table::<Conn>() else {
            return;
        };
        if !table.insert(&conn, self.limits.max_connections) {
            return self.full(stream, &conn).await;
        }
        let served = match catch_panic(self.handler.connect(&conn)).await.flatten() {
            Ok(()) => self.serve(stream, &conn).await,
            Err(error) => Err(error),
        };
        if let Err(error) = served {
            notify("error", self.handler.error(&conn, &error)).await;
        }
        table.remove(&conn);
        notify("close", self.handler.close(&conn)).await;
    }

    /// Serves requests until either side closes.
    async fn serve(&self, stream: TcpStream, conn: &Conn) -> Result {
        let service = service_fn(|request| async {
            let busy = conn.begin_request();
            let response = self.answer(request, conn).await;
            Ok::<_, Infallible>(response.map(|body| BusyBody::new(body, busy)))
        });
        let io = TokioIo::new(Watched::new(stream, conn.clone()));
        self.drive(self.builder.serve_connection(io, service), conn)
            .await
    }

    async fn answer(&self, request: hyper::Request<Incoming>, conn: &Conn) -> Response {
        let request: Request = request.map(Body::new);
        let mut response = match catch_panic(self.handler.request(request, conn)).await {
            Ok(mut response) => {
                if let Some(failed) = response.extensions_mut().remove::<HandlerError>() {
                    let error = failed.error();
                    tracing::error!(%error, "request failed");
                    notify("error", self.handler.error(conn, error)).await;
                }
                response
            }
            Err(error) => {
                tracing::error!(%error, "request failed");
                notify("error", self.handler.error(conn, &error)).await;
                internal_error()
            }
        };
        if self.worker.is_draining() {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// Drives a connection to its end, which comes no later than its deadlines say.
    async fn drive<S>(
        &self,
        connection: http1::Connection<TokioIo<Watched>, S>,
        conn: &Conn,
    ) -> Result
    where
        S: hyper::service::HttpService<Incoming, ResBody = BusyBody>,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut connection = pin!(connection);
        let mut draining = pin!(self.worker.shutdown().drain.cancelled());
        let mut drain_began = None;
        let mut timer = pin!(sleep(self.limits.header_timeout));
        loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => return ended.map_err(Error::from),
                close = conn.close_requested() => match close {
                    Close::No => {}
                    Close::AfterResponse => connection.as_mut().graceful_shutdown(),
                    Close::Now => return Ok(()),
                },
                () = draining.as_mut(), if drain_began.is_none() => {
                    drain_began = Some(clock::now());
                    timer.as_mut().reset(tokio::time::Instant::now());
                }
                () = timer.as_mut() => {
                    let Some(left) = self.time_left(conn, drain_began) else {
                        return Ok(());
                    };
                    timer.as_mut().reset(tokio::time::Instant::now() + left);
                }
            }
        }
    }

    /// How long the connection may stay as it is, at least; none when its time is up.
    fn time_left(&self, conn: &Conn, drain_began: Option<Duration>) -> Option<Duration> {
        let (since, limit) = match (conn.phase(), drain_began) {
            // Looked at again later; what a handler may take is not decided here.
            (Phase::Busy, None) => return Some(self.limits.keep_alive),
            (Phase::Busy, Some(_)) => return Some(DRAIN_GRACE),
            (Phase::Head, _) => (conn.since(), self.limits.header_timeout),
            (Phase::Flushing, _) | (Phase::Idle, None) => (conn.since(), self.limits.keep_alive),
            (Phase::Idle, Some(began)) => (
                conn.since().max(began),
                DRAIN_GRACE.min(self.limits.keep_alive),
            ),
        };
        (since + limit)
            .checked_sub(clock::now())
            .filter(|left| !left.is_zero())
    }

    /// Answers the first request of a connection over the limit, and closes it.
    async fn full(&self, stream: TcpStream, conn: &Conn) {
        if self.answering_full.fetch_add(1, Ordering::Relaxed) < FULL_ANSWERS_MAX {
            let service = service_fn(|_request| async {
                let busy = conn.begin_request();
                let mut response = catch_panic(self.handler.connect_full(conn))
                    .await
                    .unwrap_or_else(|_| internal_error());
                response
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("close"));
                Ok::<_, Infallible>(response.map(|body| BusyBody::new(body, busy)))
            });
            let io = TokioIo::new(Watched::new(stream, conn.clone()));
            // The client gets its answer or is gone; either way there is nobody to tell.
            let _ = self
                .drive(self.builder.serve_connection(io, service), conn)
                .await;
        }
        self.answering_full.fetch_sub(1, Ordering::Relaxed);
    }
}
