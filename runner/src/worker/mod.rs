//! A worker process, from the fork to its exit: the only place where an async runtime is built.

mod channel;
mod confine;
mod heart;
mod panics;
mod process;
mod runtime;

pub(crate) use confine::Confinement;
pub(crate) use process::{Seed, run};
