//! The bodies of requests and responses, telling the connection how far they are.

use super::conn::{Busy, Conn};
use axum_core::body::Body;
use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The body of a request, noticing a client that does not send it.
pub(super) struct RequestBody {
    body: Incoming,
    conn: Conn,
    awaited: bool,
    ended: bool,
}

impl RequestBody {
    /// The body as handlers get it.
    pub(super) fn of(body: Incoming, conn: &Conn) -> Body {
        if body.is_end_stream() {
            return Body::empty();
        }
        Body::new(Self { body, conn: conn.clone(), awaited: false, ended: false })
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if self.awaited {
            self.conn.advance();
        }
        if !self.ended && !self.body.is_end_stream() {
            self.conn.abandon_body();
        }
    }
}

impl hyper::body::Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.awaited = frame.is_pending();
        self.ended = matches!(frame, Poll::Ready(None));
        if self.awaited {
            self.conn.stall();
        } else {
            self.conn.advance();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a response, keeping its connection busy until it has been produced.
pub(super) struct ResponseBody {
    body: Body,
    /// Dropped with the body, which hyper does as soon as it is at its end.
    _busy: Busy,
}

impl ResponseBody {
    pub(super) fn new(body: Body, busy: Busy) -> Self {
        Self { body, _busy: busy }
    }
}

impl hyper::body::Body for ResponseBody {
    type Data = Bytes;
    type Error = axum_core::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum_core::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
