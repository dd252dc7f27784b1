//! The master process: the only place where the supervisor and the operating system meet.
//!
//! It has one thread and no async runtime, ever. It waits for signals, for words of its workers and
//! for their ends, tells the supervisor, and does what the supervisor wants.

mod command;
mod confine;
mod control;
mod edition;
mod errors;
mod flood;
mod goal;
mod live;
mod logs;
mod notify;
mod orphans;
mod prepare;
mod reconfigure;
mod record;
mod report;
mod run;
mod spawn;
mod start;
mod steering;
mod upgrade;
mod vitals;
mod wait;

pub(crate) use prepare::prepare;
pub(crate) use start::{Program, run};
#[cfg(any(test, fuzzing))]
pub(crate) use upgrade::read_legacy;
pub(crate) use upgrade::{Arrival, ERRAND, Examination, Legacy, Newcomer, TRIAL};
