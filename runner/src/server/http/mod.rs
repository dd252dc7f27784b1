//! HTTP servers.

use super::Lifecycle;
use crate::error::{Error, Result};
use std::future::Future;

/// An HTTP request; its body is a stream that is read when the handler asks for it.
pub type Request = axum_core::extract::Request;
/// An HTTP response.
pub type Response = axum_core::response::Response;
pub use axum_core::response::IntoResponse;

/// A connection of an HTTP client.
#[derive(Clone, Debug)]
pub struct Conn(());

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
    #[expect(dead_code, reason = "contract only")]
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
