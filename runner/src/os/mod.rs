//! The operating system, one topic a file. All unsafe code of the crate is below this module.
//!
//! Nothing here knows what a server or a worker is.

pub(crate) mod abort;
pub(crate) mod affinity;
pub(crate) mod alternate_stack;
mod backtrace;
pub(crate) mod capability;
pub(crate) mod clock;
pub(crate) mod cpu_time;
pub(crate) mod daemon;
pub(crate) mod deadline;
pub(crate) mod descriptors;
pub(crate) mod environment;
pub(crate) mod fork;
pub(crate) mod hand_over;
pub(crate) mod holder;
pub(crate) mod image;
pub(crate) mod inherited;
pub(crate) mod interrupt;
pub(crate) mod lifeline;
pub(crate) mod local;
pub(crate) mod memory;
pub(crate) mod notify;
pub(crate) mod oom;
pub(crate) mod orphans;
pub(crate) mod pidfile;
pub(crate) mod priority;
pub(crate) mod privilege;
pub(crate) mod process;
pub(crate) mod reuseport;
pub(crate) mod rlimit;
pub(crate) mod shared_memory;
pub(crate) mod signal;
pub(crate) mod socket_file;
mod socket_option;
pub(crate) mod stdio;
pub(crate) mod stuck;
pub(crate) mod tcp;
pub(crate) mod thread;
pub(crate) mod title;
pub(crate) mod unix_queue;
