//! Panics of a worker, for the log.

use crate::server::{Identity, panic_text};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{PanicHookInfo, set_hook};

/// From now on a panic is logged as an error of this worker, and not printed otherwise. With
/// `RUST_BACKTRACE` set a backtrace comes with it.
pub(super) fn log(identity: &Identity) {
    let identity = identity.clone();
    set_hook(Box::new(move |panic| log_one(&identity, panic)));
}

fn log_one(identity: &Identity, panic: &PanicHookInfo<'_>) {
    let Identity { server, slot, generation } = identity;
    let pid = std::process::id();
    let location = panic.location().map(tracing::field::display);
    let message = panic_text(panic.payload());
    let backtrace = Backtrace::capture();
    // The last of the fields, for it has many lines.
    let backtrace = (backtrace.status() == BacktraceStatus::Captured)
        .then(|| tracing::field::display(format!("\n{backtrace}")));
    tracing::error!(server, slot, generation, pid, location, backtrace, "panicked: {message}");
}
