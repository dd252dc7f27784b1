//! HTTP servers.

mod response;

use super::{Lifecycle, Worker};
use crate::error::{Error, Result};
use std::future::Future;
use std::net::SocketAddr;

/// An HTTP request; its body is a stream that is read when the handler asks for it.
pub type Request = axum_core::extract::Request;
/// An HTTP response.
pub type Response = axum_core::response::Response;
pub use axum_core::response::IntoResponse;
pub use response::HandlerError;

/// A connection of an HTTP client.
#[derive(Clone, Debug)]
pub struct Conn {
    peer: SocketAddr,
    worker: Worker,
}

impl Conn {
    /// The address of the client.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The worker that serves the connection.
    #[must_use]
    pub fn worker(&self) -> &Worker {
        &self.worker
    }
}

/// The events of an http server.
pub trait Handler: Lifecycle {
    /// Answers a request. The default answers 404.
    fn request(&self, request: Request, conn: &Conn) -> impl Future<Output = Response> + Send {
        let _ = (request, conn);
        async { ::http::StatusCode::NOT_FOUND.into_response() }
    }
    /// A client has connected. An error closes the connection.
    fn connect(&self, conn: &Conn) -> impl Future<Output = Result> + Send {
        let _ = conn;
        async { Ok(()) }
    }
    /// A connection is closed; fires once for each `connect`.
    fn close(&self, conn: &Conn) -> impl Future<Output = Result> + Send {
        let _ = conn;
        async { Ok(()) }
    }
    /// A handler failed or panicked, or the connection broke.
    fn error(&self, conn: &Conn, error: &Error) -> impl Future<Output = Result> + Send {
        let _ = (conn, error);
        async { Ok(()) }
    }
    /// The worker is at `max_connections`: the answer to the connection's first request.
    fn connect_full(&self, conn: &Conn) -> impl Future<Output = Response> + Send {
        let _ = conn;
        async { ::http::StatusCode::SERVICE_UNAVAILABLE.into_response() }
    }
}

/// A handler whose requests are answered by a tower service, `axum::Router` for example.
pub struct WithService<H, S> {
    handler: H,
    #[expect(dead_code, reason = "contract only")]
    service: S,
}

impl<H: Handler, S> WithService<H, S> {
    /// Answers the requests of `handler` with `service`.
    pub fn new(handler: H, service: S) -> Self {
        Self { handler, service }
    }
}

impl<H: Lifecycle, S: Send + Sync + 'static> Lifecycle for WithService<H, S> {
    fn drain(&self, worker: &Worker) -> impl Future<Output = Result> + Send {
        self.handler.drain(worker)
    }
    fn worker_stop(&self, worker: &Worker) -> impl Future<Output = Result> + Send {
        self.handler.worker_stop(worker)
    }
}

impl<H: Handler, S: Send + Sync + 'static> Handler for WithService<H, S> {}
