//! What handlers may return.

use crate::error::{Error, Result};
use crate::server::http::{IntoResponse, Request, Response};
use bytes::Bytes;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::Future;
use tower_service::Service;

/// What handlers of connections and workers, and hooks, may return.
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    label = "not an outcome",
    note = "return nothing, or a `Result<()>` whose error is any `std::error::Error` or a `runner::Error`"
)]
pub trait Outcome {
    /// The result that the runtime looks at.
    fn into_result(self) -> Result;
}

#[diagnostic::do_not_recommend]
impl Outcome for () {
    fn into_result(self) -> Result {
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl<E: Into<Error>> Outcome for Result<(), E> {
    fn into_result(self) -> Result {
        self.map_err(Into::into)
    }
}

/// The result of what a handler returned.
///
/// # Errors
/// The handler's own.
pub fn finished(outcome: impl Outcome) -> Result {
    outcome.into_result()
}

/// What handlers that answer may return.
#[diagnostic::on_unimplemented(
    message = "a handler cannot answer with `{Self}`",
    label = "not a response",
    note = "return a `Response`, text, bytes, a status code, a tuple of these, a `Result` of these, or anything else that is `IntoResponse`"
)]
pub trait Answer {
    /// The response that is sent.
    fn answer(self) -> Response;
}

#[diagnostic::do_not_recommend]
impl<T: IntoResponse> Answer for T {
    fn answer(self) -> Response {
        self.into_response()
    }
}

/// The response of what a handler returned.
pub fn responded(answer: impl Answer) -> Response {
    answer.answer()
}

/// What `worker_start` may return: the handler, or a result of it.
#[diagnostic::on_unimplemented(
    message = "`worker_start` cannot return `{Self}`",
    label = "not the handler",
    note = "return `Self`, or a `Result<Self>` whose error is any `std::error::Error` or a `runner::Error`"
)]
pub trait Constructed<T> {
    /// The handler, when it could be made.
    fn into_handler(self) -> Result<T>;
}

#[diagnostic::do_not_recommend]
impl<T> Constructed<T> for T {
    fn into_handler(self) -> Result<T> {
        Ok(self)
    }
}

#[diagnostic::do_not_recommend]
impl<T, E: Into<Error>> Constructed<T> for Result<T, E> {
    fn into_handler(self) -> Result<T> {
        self.map_err(Into::into)
    }
}

/// The handler that `worker_start` returned.
///
/// # Errors
/// The constructor's own.
pub fn constructed<T, C: Constructed<T>>(constructed: C) -> Result<T> {
    constructed.into_handler()
}

/// A handler that is made without a `worker_start`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be built in the worker",
    label = "no way to build it",
    note = "write `#[derive(Default)]`, or an `async fn worker_start() -> Self` in the `#[server]` impl"
)]
pub trait DefaultHandler: Sized {
    /// A new handler.
    fn new() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> DefaultHandler for T {
    fn new() -> Self {
        T::default()
    }
}

/// The handler of a worker whose server has no `worker_start`.
#[must_use]
pub fn default_handler<T: DefaultHandler>() -> T {
    T::new()
}

/// A constructor's future, which must be able to move between the threads of the worker's runtime.
pub fn sent<F: Future + Send>(future: F) -> impl Future<Output = F::Output> + Send {
    future
}

/// A tower service that can answer the requests of a server.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot answer HTTP requests",
    label = "not a service",
    note = "a service is `tower_service::Service<Request, Response = http::Response<B>, Error = Infallible>`, `Clone`, `Send` and `Sync`, with a `Send` future, for example an `axum::Router`",
    note = "a router that lacks its state needs `.with_state(state)`"
)]
pub trait HttpService {}

#[diagnostic::do_not_recommend]
impl<S, B> HttpService for S
where
    S: Service<Request, Response = ::http::Response<B>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
}

/// The service, when it is one.
pub fn service<S: HttpService>(service: S) -> S {
    service
}
