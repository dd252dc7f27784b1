//! What a worker is made of.

use super::confine::Confinement;
use crate::listener::Listener;
use crate::os::stdio::Stdio;
use crate::os::title::Title;
use crate::scoreboard::Row;
use crate::server::{Identity, Limits, Serve};
use serde::{Deserialize, Serialize};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

/// Everything a worker gets from its master; it holds nothing else of it.
pub(crate) struct Seed {
    pub(crate) orders: Orders,
    pub(crate) kit: Kit,
    pub(crate) serve: Arc<dyn Serve>,
    pub(crate) title: Option<Title>,
}

/// What a worker is told.
#[derive(Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) identity: Identity,
    pub(crate) limits: Limits,
    pub(crate) confinement: Confinement,
    pub(crate) master_pid: i32,
    pub(crate) threads: u32,
    pub(crate) drain_timeout: Duration,
    /// After how long without a sign of life the worker counts as hung; none when it never does.
    pub(crate) heartbeat_timeout: Option<Duration>,
    /// How many requests, or connections of a tcp server, the worker serves before it asks to be
    /// replaced, a tenth more or less; none when any number.
    pub(crate) max_requests: Option<u64>,
}

/// What is open in a worker.
pub(crate) struct Kit {
    pub(crate) listeners: Vec<Listener>,
    /// READY or a reason goes out here, new log files come in; its end is the end of the master.
    pub(crate) channel: UnixStream,
    /// Where the worker shows what it does.
    pub(crate) row: Row,
    pub(crate) stdio: Stdio,
}
