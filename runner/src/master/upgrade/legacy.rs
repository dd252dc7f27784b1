//! What one program hands over to the next: the format, and what is understood of it.
//!
//! A program reads what an older one has written, and what a newer one has that could not take over
//! and gives everything back. So fields may be added, with a default, and are ignored by who does
//! not know them; anything else is a new version.

use crate::config::{Config, ConfigErrors, Former, ServerConfig, Sources, load_former};
use crate::listener::Exported;
use crate::master::record::Record;
use crate::os::hand_over::HandedOver;
use crate::os::image::Image;
use crate::os::socket_file::SocketFile;
use crate::spec::Kind;
use crate::supervisor::{Generation, Ledger};
use serde::{Deserialize, Serialize};
use std::io;
use std::os::fd::RawFd;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The version of the format that is written, and the only one that is read.
pub(super) const VERSION: u32 = 1;

/// Everything that goes on although the program changes. Descriptors are named by their numbers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Legacy {
    pub(super) version: u32,
    pub(super) course: Course,
    /// The directory that the program was started in, which relative paths start from.
    pub(super) directory: PathBuf,
    /// Where the program was found, and a newer one will be.
    pub(super) path: PathBuf,
    /// The whole configuration of the older one of the two programs, as a file. What is in its real
    /// file meanwhile may be for the newer one only.
    pub(super) configuration: String,
    /// The time that all others count from, by CLOCK_MONOTONIC.
    pub(super) began: Duration,
    pub(super) ledger: Ledger,
    /// In the order of the ledger.
    pub(super) servers: Vec<Server>,
    pub(super) workers: Vec<Worker>,
    pub(super) pid_file: Option<PidFile>,
    pub(super) control: Option<Control>,
    pub(super) record: Record,
}

/// Which way the change goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Course {
    /// To a new program. The one before takes everything back that this one cannot go on with.
    Forward { previous: Program },
    /// Back to the one before, which finds its workers as it has left them, and maybe some more.
    Back {
        reason: String,
        /// The generation that could not serve.
        failed: Generation,
    },
}

/// An executable, with its arguments.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Program {
    pub(super) file: RawFd,
    pub(super) arguments: Vec<Vec<u8>>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Server {
    /// What the configuration calls it: the same in both programs.
    pub(super) key: String,
    pub(super) name: String,
    pub(super) kind: Kind,
    /// How many slots it has sockets for.
    pub(super) slots: u32,
    pub(super) listeners: Vec<Exported<RawFd>>,
}

/// A worker process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Worker {
    pub(super) pid: i32,
    /// The how-manieth server it is a worker of.
    pub(super) server: usize,
    pub(super) slot: u32,
    pub(super) generation: Generation,
    /// Whether it is READY and was not told to leave.
    pub(super) serves: bool,
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
    pub(super) file: SocketFile,
    pub(super) socket: RawFd,
    /// Who waits for the outcome.
    pub(super) client: Option<RawFd>,
}

impl Legacy {
    pub(super) fn text(&self) -> io::Result<String> {
        serde_json::to_string(self).map_err(io::Error::other)
    }

    /// The directory that the program was started in.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The whole configuration, if it is to go on as it was: the program that reads this was here
    /// before.
    pub(crate) fn configuration(&self) -> Option<&str> {
        match self.course {
            Course::Forward { .. } => None,
            Course::Back { .. } => Some(&self.configuration),
        }
    }

    /// The servers that there are, though the program does not have them any more.
    pub(crate) fn former(
        &self,
        config: &Config,
        sources: &Sources,
        place: &'static Location<'static>,
    ) -> Result<Vec<ServerConfig>, ConfigErrors> {
        if let Course::Back { .. } = self.course {
            return Ok(Vec::new());
        }
        // Those that have no worker any more are not missed by anybody.
        let is_left = |index: usize| self.workers.iter().any(|worker| worker.server == index);
        let is_former = |server: &Server| config.servers.iter().all(|it| it.key != server.key);
        let former = self.servers.iter().enumerate();
        let former = former.filter(|(index, server)| is_former(server) && is_left(*index));
        let load = |(_, Server { key, name, kind, .. }): (usize, &Server)| {
            let former = Former { key, name, kind: *kind };
            load_former(former, &self.configuration, sources, place)
        };
        former.map(load).collect()
    }

    /// Reads it. The error says what is wrong with it.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let explain = |error| format!("cannot read what the other program hands over: {error}");
        // First of all, because another version may have other fields.
        let Version { version } = serde_json::from_str(text).map_err(explain)?;
        if version != VERSION {
            return Err(format!(
                "the other program hands over version {version}, and this one reads {VERSION}; \
                 stop and start it instead"
            ));
        }
        serde_json::from_str(text).map_err(explain)
    }
}

impl Program {
    /// Opens it, in the image that it was handed over to.
    pub(super) fn take(self, handed_over: &mut HandedOver, path: &Path) -> io::Result<Image> {
        Ok(Image::adopt(handed_over.take(self.file)?, self.arguments, path.to_owned()))
    }
}

/// Reads a text as that of a master, and gives it as it would be written.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_legacy(text: &str) -> Result<String, String> {
    Legacy::read(text)?.text().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What version 1 has handed over; never to be changed. A program that cannot read it any more
    /// cannot be upgraded to from one that writes it, and then it needs another version (P25).
    const RECORDED: &str = include_str!("../../../../fuzz/corpus/hand_over/master-1");

    #[test]
    fn the_recorded_version_is_read() {
        let legacy = Legacy::read(RECORDED).unwrap();
        assert_eq!((legacy.servers.len(), legacy.workers.len()), (2, 4));
        assert_eq!(legacy.servers[0].key, "web");
        assert!(legacy.configuration.contains("[server.raw]"), "{}", legacy.configuration);
        assert!(matches!(legacy.course, Course::Forward { .. }));
        assert_eq!(read_legacy(RECORDED).as_deref(), Ok(RECORDED));
    }

    /// A newer program may say more than this one knows.
    #[test]
    fn what_is_not_known_is_ignored() {
        let more = RECORDED.replacen("{\"version\":1", "{\"version\":1,\"weather\":\"fine\"", 1);
        assert_eq!(read_legacy(&more).as_deref(), Ok(RECORDED));
    }

    #[test]
    fn another_version_is_refused() {
        let other = RECORDED.replacen("\"version\":1", "\"version\":2", 1);
        let error = Legacy::read(&other).unwrap_err();
        assert!(error.contains("hands over version 2, and this one reads 1"), "{error}");
        for text in ["", "{}", "[]", "{\"version\":1}"] {
            let error = Legacy::read(text).unwrap_err();
            assert!(error.starts_with("cannot read what the other program"), "{error}");
        }
    }
}
