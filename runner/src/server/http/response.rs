//! Errors as responses.

use super::{IntoResponse, Response};
use crate::error::Error;
use ::http::StatusCode;
use std::sync::Arc;

/// The error behind a response, for the `error` event; it travels in the response's extensions.
#[derive(Clone)]
pub(super) struct HandlerError(pub(super) Arc<Error>);

/// Answers 500 with a body that tells nothing; the error itself goes to the `error` event.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = internal_error();
        response
            .extensions_mut()
            .insert(HandlerError(Arc::new(self)));
        response
    }
}

pub(super) fn internal_error() -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, "internal server error\n").into_response()
}
