//! A worker process, from the fork to its exit: the only place where an async runtime is built.

mod channel;
mod confine;
mod exec;
mod heart;
mod panics;
mod process;
mod runtime;
mod seed;

pub(crate) use channel::{LAME_DUCK, REFUSE, REFUSE_NOT, RESCUE};
pub(crate) use confine::Confinement;
#[cfg(any(test, fuzzing))]
pub(crate) use exec::read_parcel;
pub(crate) use exec::{ERRAND, execute, receive};
pub(crate) use process::run;
pub(crate) use seed::{Kit, Orders, Seed};
