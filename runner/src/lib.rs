//! Pre-fork, supervised, asynchronous network servers, declared with attributes.

mod app;
mod error;
pub mod prelude;
mod registry;
mod server;
mod spec;
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        unused_imports,
        reason = "the master loop that drives it comes next"
    )
)]
mod supervisor;

#[doc(hidden)]
pub mod __private;

pub use app::{App, Hooks, Server};
pub use error::{Error, Result};
pub use registry::main;
pub use runner_macros::{master, server};
pub use server::{Lifecycle, Worker, http, tcp};
pub use spec::{Accept, Kind, Master, Term, WorkerExit, Workers};
