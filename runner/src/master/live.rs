//! The worker processes that exist, and what comes from them.

use crate::os::process::Child;
use crate::os::stuck::CpuMark;
use crate::scoreboard::Row;
use crate::supervisor::{Generation, SlotId, Time};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// The longest line that a worker may say; the reason of a failed start is cut there.
const LINE_LENGTH_MAX: usize = 4096;

/// The children, by pid.
pub(super) type Live = BTreeMap<i32, LiveWorker>;

/// A child that has not been waited for.
#[derive(Debug)]
pub(super) struct LiveWorker {
    pub(super) child: Child,
    /// The how-manieth server it is a worker of.
    pub(super) server: usize,
    pub(super) slot: u32,
    pub(super) generation: Generation,
    /// Whether it is READY and has not been told to leave.
    pub(super) serves: bool,
    /// Its words come in here, and its dropping tells the worker that the master is gone.
    pub(super) channel: UnixStream,
    /// Nothing more can come through the channel.
    pub(super) silent: bool,
    /// What it shows of itself.
    pub(super) row: Row,
    /// The last sign of life that was read, and how much it had computed then.
    pub(super) heartbeat: Option<Duration>,
    pub(super) cpu_then: Option<CpuMark>,
    /// How much it had computed when the load was read last.
    pub(super) cpu_before: Option<CpuMark>,
    /// How often it was sent new log files and has not answered.
    pub(super) changing: u32,
    /// Whether it was told last that all workers of its server are full; none when that is not
    /// known.
    pub(super) refuses: Option<bool>,
    /// The sockets of another slot that it was lent last.
    pub(super) loan: Option<Loan>,
    heard: Vec<u8>,
}

/// The sockets of a slot in the hands of a worker of another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loan {
    pub(super) slot: u32,
    /// Until then nobody else gets them.
    pub(super) until: Time,
    /// Whether the worker has given them back.
    pub(super) answered: bool,
}

/// What a worker can say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    Ready,
    /// It cannot serve; whether it is worth another try.
    Failed {
        reason: String,
        retry: bool,
    },
    /// It has had its `max_requests`.
    Due,
    /// It has become full, or is not any more; which of the two, its row says.
    Filled,
    /// It has taken so many connections from sockets that it was lent.
    Rescued(u32),
    /// It has taken the new log files, or why it could not.
    Reopened(Result<(), String>),
}

impl LiveWorker {
    pub(super) fn new(
        child: Child,
        slot: SlotId,
        generation: Generation,
        channel: UnixStream,
        row: Row,
    ) -> Self {
        Self {
            child,
            server: slot.server,
            slot: slot.slot,
            generation,
            serves: false,
            channel,
            silent: false,
            row,
            heartbeat: None,
            cpu_then: None,
            cpu_before: None,
            changing: 0,
            refuses: Some(false),
            loan: None,
            heard: Vec::new(),
        }
    }

    /// What it has said of a line that is not complete.
    pub(super) fn heard(&self) -> &[u8] {
        &self.heard
    }

    /// The same worker, as the process image before this one knew it.
    pub(super) fn as_known(self, serves: bool, heard: Vec<u8>) -> Self {
        Self { serves, heard, refuses: None, ..self }
    }

    /// Whether it takes connections of this server.
    pub(super) fn is_serving(&self, server: usize) -> bool {
        self.serves && self.server == server
    }

    /// Whether it can be lent sockets; if all are full, to tell that to those who wait there. Who
    /// does not answer is not asked again.
    pub(super) fn can_take(&self, all_full: bool, now: Time) -> bool {
        let free = self.loan.is_none_or(|loan| loan.answered && loan.until <= now);
        free && (all_full || !self.row.is_full())
    }

    /// Reads what the worker has said since the last time. Never waits.
    pub(super) fn listen(&mut self) -> Vec<Word> {
        let mut chunk = [0; 512];
        while !self.silent && self.heard.len() < LINE_LENGTH_MAX {
            match self.channel.read(&mut chunk) {
                Ok(0) => self.silent = true,
                Ok(length) => self.heard.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.silent = true,
            }
        }
        self.words()
    }

    /// Takes the whole lines out of what was heard. A line that is too long counts as whole, and
    /// its worker is not listened to any more.
    fn words(&mut self) -> Vec<Word> {
        let end_of_lines = |heard: &[u8]| heard.iter().rposition(|byte| *byte == b'\n');
        if end_of_lines(&self.heard).is_none() && self.heard.len() >= LINE_LENGTH_MAX {
            self.silent = true;
            self.heard.push(b'\n');
        }
        let Some(end) = end_of_lines(&self.heard) else {
            return Vec::new();
        };
        let lines: Vec<u8> = self.heard.drain(..=end).collect();
        String::from_utf8_lossy(&lines).lines().filter_map(Word::parse).collect()
    }
}

impl Word {
    fn parse(line: &str) -> Option<Self> {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("READY", _) => Some(Self::Ready),
            (word @ ("FAILED" | "MISCONFIGURED"), reason) => {
                Some(Self::Failed { reason: reason.to_owned(), retry: word == "FAILED" })
            }
            ("DUE", "requests") => Some(Self::Due),
            ("FULL" | "ROOM", "") => Some(Self::Filled),
            ("RESCUED", connections) => connections.parse().ok().map(Self::Rescued),
            ("REOPENED", "") => Some(Self::Reopened(Ok(()))),
            ("REOPENED", reason) => Some(Self::Reopened(Err(reason.to_owned()))),
            _ => None,
        }
    }
}
