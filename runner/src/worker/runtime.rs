//! The async half of a worker: its runtime, its signals and its server.

use super::channel;
use super::process::{EXIT_DONE, EXIT_START_FAILED, Seed, report_failure, report_ready, show};
use crate::os::signal::unblock;
use crate::server::{Session, Shutdown};
use crate::title::WorkerState;
use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{JoinHandle, spawn};
use tokio::time::sleep;

/// How long the server may still take for its `worker_stop` when it was told to end at once.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// Serves until told to end.
pub(super) fn serve(seed: Seed) -> u8 {
    match build(seed.threads) {
        Ok(runtime) => {
            let code = runtime.block_on(serve_until_told(seed));
            // Blocking work of handlers, which nothing can cancel, must not hold up the exit.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            report_failure(&seed.channel, &format!("cannot start the async runtime: {error}"));
            EXIT_START_FAILED
        }
    }
}

fn build(threads: u32) -> io::Result<Runtime> {
    let mut builder = match threads {
        0 | 1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let threads = usize::try_from(threads).unwrap_or(usize::MAX).max(1);
    builder.worker_threads(threads).enable_all().build()
}

async fn serve_until_told(seed: Seed) -> u8 {
    let Seed { identity, serve, limits, listeners, channel, title, drain_timeout, .. } = seed;
    let shutdown = Shutdown::default();
    let served = async {
        let master = Master::listen(&channel)?;
        let channel = channel.try_clone()?;
        let who = identity.clone();
        let show = move |state| show(title, &who, state);
        let show_draining = show.clone();
        let ready = Box::new(move || {
            show(WorkerState::Ready);
            report_ready(&channel);
        });
        let session = Session { identity, limits, listeners, shutdown: shutdown.clone(), ready };
        tokio::select! {
            served = serve.serve(session) => served,
            () = master.obey(&shutdown, drain_timeout, || show_draining(WorkerState::Draining)) => Ok(()),
        }
    };
    match served.await {
        Ok(()) => EXIT_DONE,
        Err(error) => {
            report_failure(&channel, &error.to_string());
            EXIT_START_FAILED
        }
    }
}

/// What the master may want of this worker, and whether it still lives.
struct Master {
    stop: Signal,
    drain: Signal,
    /// Ends when the master does.
    channel: JoinHandle<()>,
}

impl Master {
    /// Installs the handlers and only then lets signals through: one that was sent since the fork
    /// arrives now.
    fn listen(channel: &UnixStream) -> io::Result<Self> {
        let stop = signal(SignalKind::terminate())?;
        let drain = signal(SignalKind::quit())?;
        let channel = channel.try_clone()?;
        channel.set_nonblocking(true)?;
        let channel = spawn(channel::obey(tokio::net::UnixStream::from_std(channel)?));
        unblock()?;
        Ok(Self { stop, drain, channel })
    }

    /// Passes on what the master says; returns when the worker has to be gone.
    async fn obey(mut self, shutdown: &Shutdown, drain_timeout: Duration, on_drain: impl FnOnce()) {
        tokio::select! {
            _ = self.stop.recv() => {}
            () = drain_asked(&mut self.drain, &mut self.channel) => {
                on_drain();
                shutdown.begin_drain();
                tokio::select! {
                    _ = self.stop.recv() => {}
                    () = sleep(drain_timeout) => {}
                }
            }
        }
        shutdown.stop_now();
        sleep(STOP_GRACE).await;
        tracing::warn!("`worker_stop` took too long and was left");
    }
}

/// Waits for the word to drain, or for the end of the master, which means the same.
async fn drain_asked(drain: &mut Signal, channel: &mut JoinHandle<()>) {
    tokio::select! {
        _ = drain.recv() => {}
        _ = channel => {
            tracing::warn!("the master is gone, draining");
        }
    }
}
