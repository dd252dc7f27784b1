//! What a fresh child does before user code runs, in this order: standard streams, title, user,
//! tie to the master, signals.

use super::runtime;
use crate::os::stdio::Stdio;
use crate::os::{deadline, lifeline, privilege, signal, title::Title};
use crate::server::{Identity, Limits, Serve};
use crate::title::{WorkerState, WorkerTitle};
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

/// How much longer than its drain a worker may take before it kills itself; its master, if it still
/// has one, kills it earlier.
const FUSE_MARGIN: Duration = Duration::from_secs(3);

/// Exit codes of a worker.
pub(super) const EXIT_DONE: u8 = 0;
pub(super) const EXIT_START_FAILED: u8 = 1;

/// Everything a worker gets from its master; it holds nothing else of it.
pub(crate) struct Seed {
    pub(crate) identity: Identity,
    pub(crate) serve: Arc<dyn Serve>,
    pub(crate) limits: Limits,
    pub(crate) listeners: Vec<TcpListener>,
    /// READY or a reason goes out here, new log files come in; its end is the end of the master.
    pub(crate) channel: UnixStream,
    pub(crate) master_pid: i32,
    pub(crate) title: Option<Title>,
    pub(crate) user: Option<privilege::Identity>,
    pub(crate) stdio: Stdio,
    pub(crate) threads: u32,
    pub(crate) drain_timeout: Duration,
}

/// Runs the worker; what it returns is its exit code.
pub(crate) fn run(mut seed: Seed) -> u8 {
    match become_worker(&mut seed) {
        Ok(()) => runtime::serve(seed),
        Err(reason) => {
            report_failure(&seed.channel, &reason);
            EXIT_START_FAILED
        }
    }
}

fn become_worker(seed: &mut Seed) -> Result<(), String> {
    let describe = |what: &str| {
        let what = what.to_owned();
        move |error: io::Error| format!("{what}: {error}")
    };
    std::mem::take(&mut seed.stdio).redirect().map_err(describe("cannot redirect"))?;
    show(seed.title, &seed.identity, WorkerState::Starting);
    if let Some(user) = &seed.user {
        user.assume().map_err(describe("cannot change to the user"))?;
    }
    lifeline::drain_when_parent_dies(seed.master_pid)
        .map_err(describe("cannot watch the master"))?;
    signal::reset_for_worker().map_err(describe("cannot reset signals"))?;
    deadline::kill_self_after_quit(seed.drain_timeout + FUSE_MARGIN)
        .map_err(describe("cannot make a deadline"))?;
    Ok(())
}

/// Shows in `ps` what the worker is at.
pub(super) fn show(title: Option<Title>, identity: &Identity, state: WorkerState) {
    if let Some(title) = title {
        let Identity { server, slot, generation } = identity.clone();
        title.set(&WorkerTitle { server, slot, generation, state }.to_string());
    }
}

/// Tells the master why there is no worker. The master may be gone, and then nobody needs to know.
pub(super) fn report_failure(mut channel: &UnixStream, reason: &str) {
    let _ = writeln!(channel, "FAILED {}", reason.replace('\n', "; "));
}

/// Tells the master that this worker serves.
pub(super) fn report_ready(mut channel: &UnixStream) {
    let _ = writeln!(channel, "READY");
}
