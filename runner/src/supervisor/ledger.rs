//! What a supervisor hands over to the one that goes on in its place, after an upgrade of the
//! program.
//!
//! One version of the program writes it and another one reads it, so it is a format of its own: no
//! name or meaning in it may change without the version of the hand-over. Moments are those of the
//! supervisor that writes it, and the one that reads it counts on.

use super::action::{Cause, Recycle};
use super::settings::Sizing;
use super::slot::Seat;
use super::worker::Phase;
use super::{Generation, Time};
use serde::{Deserialize, Serialize};

/// A supervisor as it stands. A reload in progress is not part of it: it is as if it had failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// The highest generation that any server has.
    pub(crate) generation: Generation,
    /// The highest generation there ever was.
    pub(crate) newest: Generation,
    /// In their order.
    pub(crate) servers: Vec<ServerLedger>,
}

/// One of its servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerLedger {
    /// Zero if nothing is forked for it before the next reload.
    pub(super) generation: Generation,
    /// How many workers it is to have.
    pub(super) target: u32,
    /// How many it was configured to have.
    pub(super) configured: Sizing,
    pub(super) degraded: bool,
    /// When it has failed, as far as that still counts.
    pub(super) failures: Vec<Time>,
    /// All of them, by number.
    pub(super) slots: Vec<SlotLedger>,
}

/// A slot of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SlotLedger {
    pub(super) slot: u32,
    /// How often it has failed in a row.
    pub(super) failures: u32,
    pub(super) last_failure: Option<String>,
    /// When it may be filled if it is vacant; never without that.
    pub(super) fork_at: Option<Time>,
    pub(super) given_up: bool,
    /// When its holder is let go without a successor.
    pub(super) retire_at: Option<Time>,
    /// Before when its holder is not to be replaced for being due.
    pub(super) renew_at: Option<Time>,
    /// Whether its last holder had to go before there was another one.
    pub(super) emptied: bool,
    /// Of the worker that was READY last.
    pub(super) ready_generation: Generation,
    /// Those that leave from the oldest on, the holder and its successor.
    pub(super) workers: Vec<WorkerLedger>,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WorkerLedger {
    pub(super) pid: i32,
    pub(super) generation: Generation,
    pub(super) seat: Seat,
    pub(super) phase: Phase,
    pub(super) forked_at: Time,
    pub(super) ready_at: Option<Time>,
    /// When it has to be in its next phase; none of one that is READY or was killed.
    pub(super) deadline: Option<Time>,
    /// The limit of its life that it has reached.
    pub(super) due: Option<Recycle>,
    /// What is known of the reason of its exit.
    pub(super) cause: Option<Cause>,
    // What it was forked with.
    pub(super) heartbeat_timeout: Option<Time>,
    pub(super) max_lifetime: Option<Time>,
    /// In bytes.
    pub(super) max_memory: Option<u64>,
}
