//! What one program hands over to the next: the format, and what is understood of it.
//!
//! A program reads what an older one has written, and also what a newer one has, when that could not
//! take over and gives everything back. So fields may be added, with a default, and ignored by who
//! does not know them; anything else is a new version.

use crate::control::protocol::Exit;
use crate::listener::Exported;
use crate::os::hand_over::{HandedOver, Kept};
use crate::os::image::Image;
use crate::spec::Kind;
use crate::supervisor::{Generation, Ledger, Time};
use serde::{Deserialize, Serialize};
use std::io;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::time::Duration;

/// The version of the format.
const VERSION: u32 = 1;

/// Everything that goes on although the program changes. Descriptors are named by their numbers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    version: u32,
    pub(super) course: Course,
    /// The directory that the program was started in, which relative paths start from.
    pub(super) directory: PathBuf,
    /// Where the program was found, and a newer one will be.
    pub(super) path: PathBuf,
    /// The text of the file that the older program of the two is configured by. What is in the file
    /// meanwhile may be for the newer one only.
    pub(super) configuration: Option<String>,
    /// The time that all others count from, by CLOCK_MONOTONIC.
    pub(super) began: Duration,
    pub(super) ledger: Ledger,
    /// In the order of the ledger.
    pub(super) servers: Vec<Server>,
    pub(super) workers: Vec<Worker>,
    pub(super) pid_file: Option<PidFile>,
    pub(super) control: Option<Control>,
    /// How the last workers ended, and when.
    pub(super) exits: Vec<(Time, Exit)>,
}

/// Which way the change goes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Course {
    /// To a new program.
    Forward {
        /// The executable that takes everything back if this one cannot go on.
        previous: RawFd,
        arguments: Vec<Vec<u8>>,
    },
    /// Back to the one before, which finds its workers as it has left them, and maybe some more.
    Back {
        reason: String,
        /// The generation that could not serve.
        failed: Option<Generation>,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Server {
    /// What the configuration calls it, and the same server in both programs.
    pub(super) key: String,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) drain_timeout: Duration,
    pub(super) listeners: Vec<Exported>,
}

/// A worker process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Worker {
    pub(super) pid: i32,
    /// The how-manieth server it is a worker of.
    pub(super) server: usize,
    pub(super) channel: RawFd,
    pub(super) row: RawFd,
    /// What it has said of a line that is not complete.
    #[serde(default)]
    pub(super) heard: Vec<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PidFile {
    pub(super) path: PathBuf,
    pub(super) file: RawFd,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Control {
    pub(super) path: PathBuf,
    /// The device and the inode of its file.
    pub(super) place: (u64, u64),
    pub(super) socket: RawFd,
    /// Who waits for the outcome.
    pub(super) client: Option<RawFd>,
}
