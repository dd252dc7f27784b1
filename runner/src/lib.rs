//! Pre-fork, supervised, asynchronous network servers, declared with attributes.

#![deny(unsafe_code)]

mod app;
mod arguments;
mod cli;
mod config;
mod control;
mod error;
mod hooks;
mod listener;
mod master;
#[allow(unsafe_code, reason = "system calls that no library wraps safely")]
mod os;
pub mod prelude;
mod registry;
mod server;
mod spec;
mod supervisor;
mod title;
mod worker;

#[doc(hidden)]
pub mod __private;

pub use app::{App, Server};
pub use error::{Error, Result};
pub use hooks::{ExitStatus, Hooks, Master, ServerInfo, WorkerExit};
pub use registry::main;
pub use runner_macros::{master, server};
pub use server::{Connection, Lifecycle, Worker, http, tcp};
pub use spec::{Accept, Addresses, Kind, Spawn, Term, Workers};
