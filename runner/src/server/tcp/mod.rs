//! TCP servers.

mod conn;
mod handler;
mod outbox;
mod serve;

pub use conn::{Conn, SendError};
pub use handler::Handler;
pub(crate) use serve::Tcp;
