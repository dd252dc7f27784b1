//! TCP servers.

use super::{Lifecycle, Worker};
use crate::error::{Error, Result};
use bytes::Bytes;
use std::future::Future;
use std::net::SocketAddr;

/// A connection of a TCP client.
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

/// The events of a tcp server.
pub trait Handler: Lifecycle {
    /// Data has arrived. An error closes the connection.
    fn receive(&self, conn: &Conn, data: Bytes) -> impl Future<Output = Result> + Send;
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
    /// The worker is at `max_connections`: what is sent now is flushed, then the connection closes.
    fn connect_full(&self, conn: &Conn) -> impl Future<Output = Result> + Send {
        let _ = conn;
        async { Ok(()) }
    }
}
