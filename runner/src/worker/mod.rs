//! A worker process, from the fork to its exit: the only place where an async runtime is built.

mod channel;
mod process;
mod runtime;

pub(crate) use process::{Seed, run};
