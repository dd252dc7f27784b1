//! What a program with servers needs, in one import: `use runner::prelude::*;`.

pub use crate::http::Request;
pub use crate::tcp::Conn;
pub use crate::{Error, Master, Result, Worker, WorkerExit, master, server};
pub use bytes::Bytes;
