//! TCP servers: a [`Handler`] gets the bytes of a [`Conn`] as they arrive.

mod conn;
mod handler;
mod outbox;
mod serve;

pub use conn::{Conn, SendError};
pub use handler::Handler;
pub(crate) use serve::Tcp;
