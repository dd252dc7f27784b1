//! The events of a tcp server.

use super::event;
use crate::error::Error;
use crate::server::Worker;
use crate::server::tcp::Conn;
use bytes::Bytes;

/// `receive`: data has arrived.
pub struct Receive<'a> {
    /// The event's `conn`.
    pub conn: &'a Conn,
    /// The event's `data`.
    pub data: Bytes,
    /// How many arguments take the data.
    pub takers: u32,
}

/// A type that can be taken from [`Receive`].
#[diagnostic::on_unimplemented(
    message = "a `receive` handler cannot take an argument of type `{Self}`",
    label = "not an argument of this event",
    note = "available: `&Conn`, `Bytes`, `&Worker`"
)]
pub trait FromReceive<'a>: Sized {
    /// 1 when it is the data.
    const TAKES: u32 = 0;

    /// Takes the value from the event.
    fn take(event: &mut Receive<'a>) -> Self;
}

#[diagnostic::do_not_recommend]
impl<'a> FromReceive<'a> for &'a Conn {
    fn take(event: &mut Receive<'a>) -> Self {
        event.conn
    }
}

#[diagnostic::do_not_recommend]
impl<'a> FromReceive<'a> for &'a Worker {
    fn take(event: &mut Receive<'a>) -> Self {
        event.conn.worker()
    }
}

#[diagnostic::do_not_recommend]
impl FromReceive<'_> for Bytes {
    const TAKES: u32 = 1;

    /// Moves the data into the last taker, so that the usual one owns it alone.
    fn take(event: &mut Receive<'_>) -> Self {
        event.takers = event.takers.saturating_sub(1);
        if event.takers == 0 { std::mem::take(&mut event.data) } else { event.data.clone() }
    }
}

event! {
    /// `connect`: a client has connected.
    pub struct Connect<'a> { conn: &'a Conn }
    pub trait FromConnect:
        "a `connect` handler cannot take an argument of type `{Self}`",
        "available: `&Conn`, `&Worker`";
    &'a Conn => |event| event.conn;
    &'a Worker => |event| event.conn.worker();
}

event! {
    /// `close`: a connection is closed.
    pub struct Close<'a> { conn: &'a Conn }
    pub trait FromClose:
        "a `close` handler cannot take an argument of type `{Self}`",
        "available: `&Conn`, `&Worker`";
    &'a Conn => |event| event.conn;
    &'a Worker => |event| event.conn.worker();
}

event! {
    /// `error`: a handler failed or the connection broke.
    pub struct Failure<'a> { conn: &'a Conn, error: &'a Error }
    pub trait FromFailure:
        "an `error` handler cannot take an argument of type `{Self}`",
        "available: `&Conn`, `&Error`, `&Worker`";
    &'a Conn => |event| event.conn;
    &'a Error => |event| event.error;
    &'a Worker => |event| event.conn.worker();
}

event! {
    /// `connect_full`: a client has connected to a worker at its limit.
    pub struct ConnectFull<'a> { conn: &'a Conn }
    pub trait FromConnectFull:
        "a `connect_full` handler cannot take an argument of type `{Self}`",
        "available: `&Conn`, `&Worker`";
    &'a Conn => |event| event.conn;
    &'a Worker => |event| event.conn.worker();
}
