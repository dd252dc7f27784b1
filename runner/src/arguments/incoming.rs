//! A request on its way to those who read it.

use crate::server::http::{IntoResponse, Response};
use axum_core::body::Body;
use axum_core::extract::{FromRequest, Request};
use bytes::Bytes;
use http::request::Parts;
use std::mem;

/// A request and the number of arguments that have yet to read its body.
pub(super) struct Incoming {
    parts: Parts,
    body: Body,
    readers: u32,
}

impl Incoming {
    pub(super) fn new(request: Request) -> Self {
        let (parts, body) = request.into_parts();
        Self { parts, body, readers: 0 }
    }

    /// The head of the request.
    pub(super) fn parts(&mut self) -> &mut Parts {
        &mut self.parts
    }

    /// One more argument will call [`read`](Self::read).
    pub(super) fn expect_reader(&mut self) {
        self.readers = self.readers.saturating_add(1);
    }

    /// The request for the next reader: a copy, or the request itself when it is the last one.
    pub(super) async fn read(&mut self) -> Result<Request, Response> {
        self.readers = self.readers.saturating_sub(1);
        let body = mem::take(&mut self.body);
        if self.readers == 0 {
            let nothing = http::Request::new(()).into_parts().0;
            return Ok(Request::from_parts(mem::replace(&mut self.parts, nothing), body));
        }
        let request = Request::from_parts(self.parts.clone(), body);
        let read = <Bytes as FromRequest<()>>::from_request(request, &()).await;
        let bytes = read.map_err(IntoResponse::into_response)?;
        self.body = Body::from(bytes.clone());
        Ok(Request::from_parts(self.parts.clone(), Body::from(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Body, Bytes, FromRequest, Incoming, Request};

    /// What each of so many readers gets: path, body, and whether the extension is a copy.
    fn check(readers: usize, body: Body) -> Vec<Result<(String, Bytes), u16>> {
        let mut request = Request::new(body);
        *request.uri_mut() = "/path".parse().expect("a path");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let mut incoming = Incoming::new(request);
            (0..readers).for_each(|_| incoming.expect_reader());
            let mut seen = Vec::new();
            for _ in 0..readers {
                seen.push(match incoming.read().await {
                    Ok(request) => {
                        let path = request.uri().path().to_owned();
                        let body = Bytes::from_request(request, &()).await;
                        Ok((path, body.expect("a body")))
                    }
                    Err(response) => Err(response.status().as_u16()),
                });
            }
            seen
        })
    }

    #[test]
    fn every_reader_gets_the_whole_request() {
        let whole = || Ok(("/path".to_owned(), Bytes::from_static(b"hello")));
        assert_eq!(check(1, Body::from("hello")), [whole()]);
        assert_eq!(check(3, Body::from("hello")), [whole(), whole(), whole()]);
    }

    #[test]
    fn the_only_reader_gets_the_very_body() {
        let text = Bytes::from(vec![b'x'; 100]);
        let seen = check(1, Body::from(text.clone()));
        assert_eq!(seen[0].as_ref().map(|(_, body)| body.as_ptr()), Ok(text.as_ptr()));
    }

    #[test]
    fn a_body_too_large_to_share_is_refused() {
        let large = || Body::from(vec![b'x'; 3 * 1024 * 1024]);
        assert_eq!(check(2, large())[0], Err(413));
    }
}
