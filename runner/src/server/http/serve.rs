//! Serving one connection with hyper.

use super::body::{RequestBody, ResponseBody};
use super::clock;
use super::conn::{Close, Conn, Phase};
use super::handler::Handler;
use super::io::Socket;
use super::patience::Patience;
use super::response::{HandlerError, internal_error};
use super::{Request, Response};
use crate::error::{Error, Result};
use crate::server::admission::Protocol;
use crate::server::client::Client;
use crate::server::run::{Limits, Session, run};
use crate::server::stream::Stream;
use crate::server::{Serve, Worker, catch_panic, notify};
use ::http::header::{CONNECTION, HeaderValue};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use tokio::time::{Instant, sleep};

/// An http server, by the constructor of its handler.
pub(crate) struct Http<F>(pub(crate) F);

impl<H, F, Fut> Serve for Http<F>
where
    H: Handler,
    F: Fn(Worker) -> Fut + Send + Sync,
    Fut: Future<Output = Result<H>>,
{
    fn serve(&self, session: Session) -> Pin<Box<dyn Future<Output = Result> + '_>> {
        Box::pin(run::<HttpProtocol<H>>(session, async |worker| (self.0)(worker).await))
    }
}

struct HttpProtocol<H> {
    handler: Arc<H>,
    worker: Worker,
    patience: Patience,
    builder: http1::Builder,
}

impl<H: Handler> Protocol for HttpProtocol<H> {
    type Handler = H;
    type Conn = Conn;
    type Io = Stream;

    fn new(handler: Arc<H>, worker: Worker, limits: Limits) -> Self {
        let mut builder = http1::Builder::new();
        // Time is kept per connection by `drive`, for heads and for idleness alike.
        builder.header_read_timeout(None);
        Self { handler, worker, patience: Patience::of(&limits), builder }
    }

    fn open(&self, stream: Stream, client: Client) -> (Conn, Stream) {
        (Conn::new(client), stream)
    }

    async fn serve(&self, stream: Stream, conn: &Conn) -> Result {
        self.handler.connect(conn).await?;
        let service = service_fn(async |request| self.answer(request, conn).await);
        self.drive(stream, conn, service).await
    }

    async fn error(&self, conn: &Conn, error: &Error) {
        notify("error", self.handler.error(conn, error)).await;
    }

    async fn finish(&self, _: &Conn) {}

    async fn close(&self, conn: &Conn) {
        notify("close", self.handler.close(conn)).await;
    }

    /// Answers the first request and closes.
    async fn full(&self, stream: Stream, conn: &Conn) {
        let service = service_fn(async |request: hyper::Request<Incoming>| {
            let busy = conn.begin_request(request.method(), request.uri());
            let mut response = catch_panic(self.handler.connect_full(conn))
                .await
                .unwrap_or_else(|_| internal_error());
            announce_close(&mut response);
            Ok::<_, Infallible>(response.map(|body| ResponseBody::new(body, busy)))
        });
        // The client gets its answer or is gone; either way there is nobody to tell.
        let _ = catch_panic(self.drive(stream, conn, service)).await;
    }
}

impl<H: Handler> HttpProtocol<H> {
    async fn answer(
        &self,
        request: hyper::Request<Incoming>,
        conn: &Conn,
    ) -> Result<hyper::Response<ResponseBody>, Infallible> {
        let busy = conn.begin_request(request.method(), request.uri());
        let request: Request = request.map(|body| RequestBody::of(body, conn));
        // Pinned here, so that the request in it is not moved from future to future.
        let handling = pin!(self.handler.request(request, conn));
        let answered = catch_panic(handling).await;
        let (mut response, failed) = match answered {
            Ok(mut response) => {
                let failed = response.extensions_mut().remove::<HandlerError>();
                (response, failed)
            }
            Err(panic) => (internal_error(), Some(HandlerError::new(panic))),
        };
        if let Some(failed) = failed {
            let error = failed.error();
            tracing::error!(%error, "request failed");
            self.error(conn, error).await;
        }
        match conn.close_requested() {
            Close::No if !self.worker.is_draining() => {}
            Close::No | Close::AfterResponse => announce_close(&mut response),
            // Nothing is to be sent any more; `drive` ends this with the connection.
            Close::Now => pending().await,
        }
        Ok(response.map(|body| ResponseBody::new(body, busy)))
    }

    /// Serves a connection to its end, which comes no later than its deadlines say.
    async fn drive<S>(&self, stream: Stream, conn: &Conn, service: S) -> Result
    where
        S: HttpService<Incoming, ResBody = ResponseBody>,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let socket = Socket::new(stream, conn.clone());
        let io = TokioIo::new(socket.clone());
        let mut connection = pin!(self.builder.serve_connection(io, service));
        let mut draining = pin!(self.worker.shutdown().drain.cancelled());
        let mut drain_began = None;
        let mut timer = pin!(sleep(self.patience.shortest()));
        let mut changed = pin!(conn.changed());
        loop {
            let served = poll_fn(|context| match connection.as_mut().poll(context) {
                Poll::Ready(ended) => Poll::Ready(ended.map_err(Error::from)),
                Poll::Pending => match socket.poll_send(context) {
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
                    _ => Poll::Pending,
                },
            });
            tokio::select! {
                biased;
                () = changed.as_mut() => {
                    changed.set(conn.changed());
                    match conn.close_requested() {
                        Close::No => {}
                        Close::AfterResponse => connection.as_mut().graceful_shutdown(),
                        Close::Now => return Ok(()),
                    }
                }
                ended = served => return match ended {
                    // It was closed unused, as by one that only looks whether the port is open.
                    Err(_) if conn.phase() == Phase::New => Ok(()),
                    ended => ended,
                },
                () = draining.as_mut(), if drain_began.is_none() => {
                    drain_began = Some(clock::now());
                }
                () = timer.as_mut() => {}
            }
            let Some(left) = self.patience.left(conn, drain_began, clock::now()) else {
                return Ok(());
            };
            timer.as_mut().reset(Instant::now() + left);
        }
    }
}

fn announce_close(response: &mut Response) {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
}
