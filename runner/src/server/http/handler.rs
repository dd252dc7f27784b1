//! What a handler of an http server can do.

use super::{Conn, IntoResponse, Request, Response};
use crate::error::{Error, Result};
use crate::server::{Lifecycle, Worker};
use ::http::StatusCode;
use std::convert::Infallible;
use std::future::Future;
use tower_service::Service;

/// The events of an http server.
///
/// ```
/// use runner::http::{Conn, Handler, IntoResponse, Request, Response};
///
/// struct Hello;
/// impl runner::Lifecycle for Hello {}
/// impl Handler for Hello {
///     async fn request(&self, request: Request, _conn: &Conn) -> Response {
///         format!("you asked for {}\n", request.uri()).into_response()
///     }
/// }
/// ```
pub trait Handler: Lifecycle {
    /// Answers a request. The default answers 404.
    ///
    /// A panic answers 500 and fires `error`, as an error does that became a response by
    /// [`IntoResponse`] for [`Error`]. When the client closes the connection before it has its
    /// answer, the handler is dropped where it waits: work that must be finished belongs into a
    /// task of its own. A client that has begun to send a body or to take an answer, and then does
    /// nothing for 60 seconds, is given up.
    fn request(&self, request: Request, conn: &Conn) -> impl Future<Output = Response> + Send {
        let _ = (request, conn);
        async { StatusCode::NOT_FOUND.into_response() }
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

    /// Every worker of the server is at `max_connections`: the answer to the connection's first
    /// request, after which it is closed. The default answers 503.
    fn connect_full(&self, conn: &Conn) -> impl Future<Output = Response> + Send {
        let _ = conn;
        async { StatusCode::SERVICE_UNAVAILABLE.into_response() }
    }
}

/// A handler whose requests are answered by a tower service, `axum::Router` for example.
///
/// The other events stay with the handler.
#[derive(Debug)]
pub struct WithService<H, S> {
    handler: H,
    service: S,
}

impl<H: Handler, S> WithService<H, S> {
    /// Answers the requests of `handler` with `service`.
    pub fn new(handler: H, service: S) -> Self {
        Self { handler, service }
    }
}

impl<H: Handler, S: Send + Sync + 'static> Lifecycle for WithService<H, S> {
    fn drain(&self, worker: &Worker) -> impl Future<Output = Result> + Send {
        self.handler.drain(worker)
    }

    fn worker_stop(&self, worker: &Worker) -> impl Future<Output = Result> + Send {
        self.handler.worker_stop(worker)
    }

    fn type_name() -> &'static str {
        H::type_name()
    }
}

impl<H, S> Handler for WithService<H, S>
where
    H: Handler,
    S: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Response: IntoResponse,
    S::Future: Send,
{
    async fn request(&self, request: Request, _conn: &Conn) -> Response {
        let mut service = self.service.clone();
        let answered = async {
            std::future::poll_fn(|context| service.poll_ready(context)).await?;
            service.call(request).await
        };
        match answered.await {
            Ok(response) => response.into_response(),
            Err(never) => match never {},
        }
    }

    fn connect(&self, conn: &Conn) -> impl Future<Output = Result> + Send {
        self.handler.connect(conn)
    }

    fn close(&self, conn: &Conn) -> impl Future<Output = Result> + Send {
        self.handler.close(conn)
    }

    fn error(&self, conn: &Conn, error: &Error) -> impl Future<Output = Result> + Send {
        self.handler.error(conn, error)
    }

    fn connect_full(&self, conn: &Conn) -> impl Future<Output = Response> + Send {
        self.handler.connect_full(conn)
    }
}
