//! The only names that generated code may use. Nothing here is public API.

pub use crate::app::{App, Server};
pub use crate::error::{Error, Result};
pub use crate::hooks::{Hooks, Master, WorkerExit};
pub use crate::registry::{MASTERS, MasterEntry, Registered, SERVERS, ServerEntry, distinct};
pub use crate::server::{Lifecycle, Worker, http, tcp};
pub use crate::spec::{Accept, Capability, CpuAffinity, Limit, Share, Spawn, Term, Workers};
pub use bytes::Bytes;
pub use linkme;

/// Where the arguments of handlers come from.
pub mod arguments {
    pub use crate::arguments::*;
}

/// Imported by a glob into the module of each attribute: at the root of a program it is its `main`,
/// and a `main` of the program's own shadows it.
pub mod entry {
    pub use crate::registry::main;
}
