//! What a handler of a tcp server can do.

use super::Conn;
use crate::error::{Error, Result};
use crate::server::Lifecycle;
use bytes::Bytes;
use std::future::Future;

/// The events of a tcp server. Those of one connection never overlap, and each runs to its end even
/// if the client goes away meanwhile; only the end of the worker cuts it off.
///
/// ```
/// use bytes::Bytes;
/// use runner::Result;
/// use runner::tcp::{Conn, Handler};
///
/// struct Echo;
/// impl runner::Lifecycle for Echo {}
/// impl Handler for Echo {
///     async fn receive(&self, conn: &Conn, data: Bytes) -> Result {
///         Ok(conn.send(data).await?)
///     }
/// }
/// ```
pub trait Handler: Lifecycle {
    /// Data has arrived, at most `receive_buffer` bytes of it: TCP is a stream, so where one
    /// `receive` ends and the next begins says nothing about how the client sent it.
    ///
    /// The next `receive` waits for this one. An error or a panic fires `error` and closes the
    /// connection.
    fn receive(&self, conn: &Conn, data: Bytes) -> impl Future<Output = Result> + Send;

    /// A client has connected. An error closes the connection.
    fn connect(&self, conn: &Conn) -> impl Future<Output = Result> + Send {
        let _ = conn;
        async { Ok(()) }
    }

    /// A connection is closed; fires once for each `connect`. A client that for 60 seconds takes
    /// nothing of what was sent before the close is given up.
    fn close(&self, conn: &Conn) -> impl Future<Output = Result> + Send {
        let _ = conn;
        async { Ok(()) }
    }

    /// A handler failed or panicked, or the connection broke.
    fn error(&self, conn: &Conn, error: &Error) -> impl Future<Output = Result> + Send {
        let _ = (conn, error);
        async { Ok(()) }
    }

    /// Every worker of the server is at `max_connections`: what is sent now is flushed, then the connection is
    /// closed. Neither `connect` nor `close` fires for it.
    fn connect_full(&self, conn: &Conn) -> impl Future<Output = Result> + Send {
        let _ = conn;
        async { Ok(()) }
    }
}
