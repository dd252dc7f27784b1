//! The servers that run inside a worker: they know sockets and handlers, and nothing of processes.

mod accept;
mod acceptor;
mod admission;
mod client;
mod connections;
pub mod http;
mod quota;
mod room;
mod run;
mod stream;
pub mod tcp;
#[cfg(test)]
mod tests;
mod worker;

use crate::error::{Error, Result};
use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

pub(crate) use quota::Quota;
pub(crate) use run::{Call, Limits, Serve, Session, Tell};
pub use worker::{Connection, Worker};
pub(crate) use worker::{Identity, Shutdown};

/// How long a client may hold up a message, taking nothing of an answer for example.
const STALL_MAX: Duration = Duration::from_secs(60);

/// How long what a client still sends is read and thrown away after the last answer, so that this
/// is not lost with a reset.
const LINGER_MAX: Duration = Duration::from_secs(30);

/// What every handler has beside the events of its protocol.
///
/// The attribute macros implement it; written by hand, an empty impl does.
///
/// ```
/// struct Echo;
/// impl runner::Lifecycle for Echo {}
/// ```
pub trait Lifecycle: Sized + Send + Sync + 'static {
    /// The worker has begun to drain: it takes no new connections and finishes what is in flight.
    fn drain(&self, worker: &Worker) -> impl Future<Output = Result> + Send {
        let _ = worker;
        async { Ok(()) }
    }

    /// The worker is about to exit: every connection is closed.
    fn worker_stop(&self, worker: &Worker) -> impl Future<Output = Result> + Send {
        let _ = worker;
        async { Ok(()) }
    }

    /// The type that the server is called after, unless it has a name.
    #[doc(hidden)]
    fn type_name() -> &'static str {
        std::any::type_name::<Self>()
    }
}

/// A part of `time` that differs from connection to connection, and that about as many have as any
/// other part.
fn spread(time: Duration, connection: u64) -> Duration {
    // The multiples of the golden ratio leave no gaps and no clusters, however many there are.
    let fraction = connection.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    time.mul_f64(fraction as f64 / f64::from(u32::MAX))
}

/// Runs a handler; its panic becomes an error, so that it ends nothing but itself.
pub(crate) async fn catch_panic<T>(handler: impl Future<Output = T>) -> Result<T> {
    let caught = futures_util::FutureExt::catch_unwind(AssertUnwindSafe(handler)).await;
    caught.map_err(|panic| Error::msg(format!("panicked: {}", panic_text(&*panic))))
}

/// Runs the handler of an event that has no answer; an error or a panic of it is logged.
pub(crate) async fn notify(event: &'static str, handler: impl Future<Output = Result>) {
    if let Err(error) = catch_panic(handler).await.and_then(|result| result) {
        tracing::error!(event, %error, "handler failed");
    }
}

/// What a panic was given to say.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
