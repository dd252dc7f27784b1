//! HTTP servers.
//!
//! Requests and responses are those of the `http` crate with the bodies of `axum-core`, so every
//! extractor and response type of the axum world works in a handler.

mod body;
mod clock;
mod conn;
mod handler;
mod io;
mod patience;
mod response;
mod serve;

pub use ::http::{HeaderMap, Method, StatusCode, Uri};
pub use axum_core::response::IntoResponse;
pub use conn::Conn;
pub use handler::{Handler, WithService};
pub use response::HandlerError;
pub(crate) use serve::Http;

/// An HTTP request; its body is a stream that is read when the handler asks for it.
pub type Request = axum_core::extract::Request;

/// An HTTP response.
pub type Response = axum_core::response::Response;
