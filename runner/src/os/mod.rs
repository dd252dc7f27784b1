//! The operating system, one topic a file. All unsafe code of the crate is below this module.
//!
//! Nothing here knows what a server or a worker is.

pub(crate) mod daemon;
pub(crate) mod deadline;
pub(crate) mod fork;
pub(crate) mod lifeline;
pub(crate) mod local;
pub(crate) mod pidfile;
pub(crate) mod privilege;
pub(crate) mod process;
pub(crate) mod signal;
pub(crate) mod stdio;
pub(crate) mod tcp;
pub(crate) mod title;
