//! The events of an http server.
//!
//! The arguments of `request` are axum-core's extractors beside the connection. Extraction has two
//! steps. First (`early`) every argument that needs only the head of the request is taken, wherever
//! it stands; then (`late`) the body goes to those who read it. The last of them gets the request
//! itself, so one reader costs no copy; for more than one the body is read into memory, up to
//! axum's limit for bodies (2 MB unless a `DefaultBodyLimit` says otherwise).

use super::event;
use super::incoming::Incoming;
use crate::error::Error;
use crate::server::Worker;
use crate::server::http::{Conn, IntoResponse, Response};
use crate::spec::Address;
use axum_core::extract::{self, FromRequestParts};
use std::future::Future;

/// `request`: a request has arrived.
pub struct Request<'a> {
    conn: &'a Conn,
    incoming: Incoming,
}

impl<'a> Request<'a> {
    /// The request as it came from the connection.
    pub fn new(request: extract::Request, conn: &'a Conn) -> Self {
        Self { conn, incoming: Incoming::new(request) }
    }
}

/// How a type is taken from a request; only one of them holds for each type.
pub mod via {
    /// From the connection.
    pub struct Conn;
    /// By axum-core's `FromRequestParts`.
    pub struct Parts;
    /// By axum-core's `FromRequest`.
    pub struct Body;
}

/// A type that can be taken from [`Request`].
#[diagnostic::on_unimplemented(
    message = "a `request` handler cannot take an argument of type `{Self}`",
    label = "not an argument of this event",
    note = "available: `Request`, `Method`, `Uri`, `HeaderMap`, `Bytes`, `String`, `&http::Conn`, `&Worker`, `Address`, and every extractor of axum that needs no state"
)]
pub trait FromRequest<'a, Via>: Sized {
    /// What the first step leaves for the second.
    type Early: Send;

    /// The first step; an error is the response.
    fn early(event: &mut Request<'a>)
    -> impl Future<Output = Result<Self::Early, Response>> + Send;

    /// The second step; an error is the response.
    fn late(
        early: Self::Early,
        event: &mut Request<'a>,
    ) -> impl Future<Output = Result<Self, Response>> + Send;
}

macro_rules! from_connection {
    ($($argument:ty => |$event:ident| $value:expr;)*) => {
        $(
            #[diagnostic::do_not_recommend]
            impl<'a> FromRequest<'a, via::Conn> for $argument {
                type Early = Self;

                async fn early($event: &mut Request<'a>) -> Result<Self, Response> {
                    Ok($value)
                }

                async fn late(early: Self, _: &mut Request<'a>) -> Result<Self, Response> {
                    Ok(early)
                }
            }
        )*
    };
}

from_connection! {
    &'a Conn => |event| event.conn;
    &'a Worker => |event| event.conn.worker();
    Address => |event| event.conn.peer().clone();
}

#[diagnostic::do_not_recommend]
impl<'a, T: FromRequestParts<()> + Send> FromRequest<'a, via::Parts> for T {
    type Early = Self;

    async fn early(event: &mut Request<'a>) -> Result<Self, Response> {
        let taken = T::from_request_parts(event.incoming.parts(), &()).await;
        taken.map_err(IntoResponse::into_response)
    }

    async fn late(early: Self, _: &mut Request<'a>) -> Result<Self, Response> {
        Ok(early)
    }
}

#[diagnostic::do_not_recommend]
impl<'a, T: extract::FromRequest<()>> FromRequest<'a, via::Body> for T {
    type Early = ();

    async fn early(event: &mut Request<'a>) -> Result<(), Response> {
        event.incoming.expect_reader();
        Ok(())
    }

    async fn late((): (), event: &mut Request<'a>) -> Result<Self, Response> {
        let request = event.incoming.read().await?;
        T::from_request(request, &()).await.map_err(IntoResponse::into_response)
    }
}

event! {
    /// `connect`: a client has connected.
    pub struct Connect<'a> { conn: &'a Conn }
    pub trait FromConnect:
        "a `connect` handler cannot take an argument of type `{Self}`",
        "available: `&http::Conn`, `&Worker`";
    &'a Conn => |event| event.conn;
    &'a Worker => |event| event.conn.worker();
}

event! {
    /// `close`: a connection is closed.
    pub struct Close<'a> { conn: &'a Conn }
    pub trait FromClose:
        "a `close` handler cannot take an argument of type `{Self}`",
        "available: `&http::Conn`, `&Worker`";
    &'a Conn => |event| event.conn;
    &'a Worker => |event| event.conn.worker();
}

event! {
    /// `error`: a handler failed or the connection broke.
    pub struct Failure<'a> { conn: &'a Conn, error: &'a Error }
    pub trait FromFailure:
        "an `error` handler cannot take an argument of type `{Self}`",
        "available: `&http::Conn`, `&Error`, `&Worker`";
    &'a Conn => |event| event.conn;
    &'a Error => |event| event.error;
    &'a Worker => |event| event.conn.worker();
}

event! {
    /// `connect_full`: a client has connected to a worker at its limit.
    pub struct ConnectFull<'a> { conn: &'a Conn }
    pub trait FromConnectFull:
        "a `connect_full` handler cannot take an argument of type `{Self}`",
        "available: `&http::Conn`, `&Worker`";
    &'a Conn => |event| event.conn;
    &'a Worker => |event| event.conn.worker();
}
