//! The async half of a worker: its runtime, its signals and its server.

use super::channel;
use super::heart::beat;
use super::process::{EXIT_DONE, fail, say, show};
use super::seed::{Kit, Orders, Seed};
use crate::error::Error;
use crate::os::signal::unblock;
use crate::os::{alternate_stack, clock};
use crate::server::{Call, Quota, Session, Shutdown, Tell};
use crate::title::WorkerState;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, spawn};
use tokio::time::sleep;

/// How long the server may still take for its `worker_stop` when it was told to end at once.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// Serves until told to end, on this thread and those it starts.
pub(super) fn serve(seed: Seed) -> u8 {
    alternate_stack::provide();
    let listening = Arc::new(OnceLock::new());
    match build(&seed.orders.identity.server, seed.orders.threads, listening.clone()) {
        Ok(runtime) => {
            let code = runtime.block_on(serve_until_told(seed, &listening));
            // Blocking work of handlers, which nothing can cancel, must not hold up the exit.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            let error = Error::msg(format!("cannot start the async runtime: {error}"));
            fail(&seed.kit.channel, &error)
        }
    }
}

/// A runtime whose threads begin to work, and take signals, when those are `listening` for.
fn build(server: &str, threads: u32, listening: Arc<OnceLock<()>>) -> io::Result<Runtime> {
    let mut builder = match threads {
        0 | 1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let threads = usize::try_from(threads).unwrap_or(usize::MAX).max(1);
    let begin = move || {
        alternate_stack::provide();
        listening.wait();
        // It fails for no mask that is valid, and this one is.
        let _ = unblock();
    };
    let name = server.replace('\0', "");
    builder.worker_threads(threads).thread_name(name).on_thread_start(begin).enable_all().build()
}

async fn serve_until_told(seed: Seed, listening: &OnceLock<()>) -> u8 {
    let Seed { orders, kit, serve, title } = seed;
    let Orders { identity, limits, drain_timeout, heartbeat_timeout, max_requests, .. } = orders;
    let Kit { listeners, channel, row, .. } = kit;
    let channel = Arc::new(channel);
    let shutdown = Shutdown::default();
    let served = async {
        let (call, calls) = unbounded_channel();
        let master = Master::listen(&channel, shutdown.clone(), call)?;
        listening.get_or_init(|| ());
        if let Some(timeout) = heartbeat_timeout {
            row.stamp(clock::monotonic());
            spawn(beat(row.clone(), timeout));
        }
        let quota = quota(max_requests, channel.clone());
        let (channel, telling) = (channel.clone(), channel.clone());
        let tell = Arc::new(move |what| tell(&telling, what));
        let who = identity.clone();
        let show = move |state| show(title, &who, state);
        let show_draining = show.clone();
        let ready = Box::new(move || {
            show(WorkerState::Ready);
            say(&channel, format_args!("READY"));
        });
        let session = Session {
            identity,
            limits,
            listeners,
            row,
            quota,
            shutdown: shutdown.clone(),
            calls,
            tell,
            ready,
        };
        tokio::select! {
            served = serve.serve(session) => served,
            () = master.obey(&shutdown, drain_timeout, || show_draining(WorkerState::Draining)) => Ok(()),
        }
    };
    match served.await {
        Ok(()) => EXIT_DONE,
        Err(error) => fail(&channel, &error),
    }
}

/// Passes on to the master what the server tells.
fn tell(channel: &UnixStream, what: Tell) {
    match what {
        Tell::Full => say(channel, format_args!("FULL")),
        Tell::Room => say(channel, format_args!("ROOM")),
        Tell::Rescued(connections) => say(channel, format_args!("RESCUED {connections}")),
    }
}

/// Tells the master when the worker has served about `most`.
fn quota(most: Option<u64>, channel: Arc<UnixStream>) -> Quota {
    let tell = move || say(&channel, format_args!("DUE requests"));
    most.map_or_else(Quota::unlimited, |most| {
        Quota::new(jittered(most, RandomState::new().hash_one(most)), tell)
    })
}

/// A tenth more or less, so that workers that began together do not end together.
fn jittered(most: u64, random: u64) -> u64 {
    let tenth = most / 10;
    (most - tenth).saturating_add(random % (2 * tenth + 1))
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
    fn listen(
        channel: &UnixStream,
        shutdown: Shutdown,
        calls: UnboundedSender<Call>,
    ) -> io::Result<Self> {
        let stop = signal(SignalKind::terminate())?;
        let drain = signal(SignalKind::quit())?;
        let channel = channel.try_clone()?;
        channel.set_nonblocking(true)?;
        let channel = tokio::net::UnixStream::from_std(channel)?;
        let channel = spawn(channel::obey(channel, shutdown, calls));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_more_or_less() {
        for (most, least, greatest) in
            [(0, 0, 0), (1, 1, 1), (9, 9, 9), (10, 9, 11), (1000, 900, 1100)]
        {
            let all: Vec<_> = (0..1000).map(|random| jittered(most, random)).collect();
            assert_eq!(all.iter().min(), Some(&least), "{most}");
            assert_eq!(all.iter().max(), Some(&greatest), "{most}");
        }
        assert!(jittered(u64::MAX, u64::MAX) > u64::MAX / 10 * 9 - 10);
    }
}
