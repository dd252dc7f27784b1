//! Responses that handlers give without making them.

use super::{IntoResponse, Response};
use crate::error::Error;
use ::http::StatusCode;
use std::sync::Arc;

/// The error behind a response, in the response's extensions.
///
/// A handler that returns `Err(runner::Error)` answers 500 with the body `internal server error`:
/// what went wrong is not for the client. The server finds it here and calls the `error` event.
#[derive(Clone, Debug)]
pub struct HandlerError(Arc<Error>);

impl HandlerError {
    pub(super) fn new(error: Error) -> Self {
        Self(Arc::new(error))
    }

    /// What the handler returned.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.0
    }
}

/// 500, with the error in the extensions as a [`HandlerError`].
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = internal_error();
        response.extensions_mut().insert(HandlerError::new(self));
        response
    }
}

/// What a client sees of a failure.
pub(super) fn internal_error() -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, "internal server error\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::{Error, HandlerError, IntoResponse, Response};

    #[test]
    fn an_error_answers_500_and_stays_with_the_response() {
        let failed: Result<&str, Error> = Err(Error::msg("no database"));
        let response: Response = failed.into_response();
        assert_eq!(response.status(), 500);
        let error =
            response.extensions().get::<HandlerError>().map(|found| found.error().to_string());
        assert_eq!(error.as_deref(), Some("no database"));
    }
}
