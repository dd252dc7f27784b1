//! Changing over to another version of the program, in place: the same process, its pid, its
//! children and its sockets go on with another executable.
//!
//! ```text
//!             upgrade              yes                        all new workers READY
//! no upgrade ────────▶ Trying ────────────▶ (exec) Proving ──────────────────────────▶ no upgrade
//!     ▲                  │                            │
//!     └──────────────────┘                            │ a new worker fails
//!     ▲           no, or too late                     ▼
//!     └────────────────────────────────────── (exec) the program before
//! ```
//!
//! A new program that cannot start, or does not accept the configuration, is found out by a trial
//! (`trial.rs`), in a child, while nothing changes. Then everything is written down (`legacy.rs`)
//! and the new program executed in place of the old one (`leave.rs`), which takes everything in
//! hand (`arrive.rs`) and reloads. If that reload fails, everything goes back to the old program by
//! the same way; it was kept by a descriptor, so its file may be gone. The old workers serve all
//! the while.

mod arrive;
mod leave;
mod legacy;
mod plan;
mod trial;

pub(crate) use arrive::Arrival;
pub(crate) use leave::ERRAND;
pub(crate) use legacy::Legacy;
#[cfg(any(test, fuzzing))]
pub(crate) use legacy::read_legacy;
pub(crate) use plan::Newcomer;
pub(crate) use trial::{ERRAND as TRIAL, Examination};

use super::control::ClientId;
use super::goal::Goal;
use super::prepare::Server;
use super::run::MasterProcess;
use crate::control::protocol::error_line;
use crate::hooks::Hooks;
use crate::os::image::Image;
use crate::supervisor::{Generation, ReloadError, Report, Time};
use nix::poll::PollFlags;
use std::os::fd::BorrowedFd;
use trial::Trial;

/// What others are told who want to change something meanwhile.
const UNDER_WAY: &str = "an upgrade is under way; try again when it is over";

/// An upgrade under way.
#[derive(Debug)]
pub(super) enum Upgrade {
    /// The new program is tried.
    Trying(Trying),
    /// This is the new program, and its first workers are on their way.
    Proving(Proving),
}

#[derive(Debug)]
pub(super) struct Trying {
    trial: Trial,
    image: Image,
    client: ClientId,
}

/// What the new program needs to give everything back.
#[derive(Debug)]
pub(super) struct Proving {
    previous: Image,
    /// What the previous one is configured by.
    configuration: String,
    client: Option<ClientId>,
    /// The first one of this program.
    generation: Generation,
    verdict: Option<Verdict>,
}

/// How a new program has proved itself.
#[derive(Debug)]
enum Verdict {
    Serves,
    Fails(String),
    /// It will never be known.
    Stopped,
}

impl MasterProcess {
    /// Tries the program that is where this one was found; the client learns the outcome.
    pub(super) fn begin_upgrade(&mut self, client: ClientId) -> Result<(), String> {
        self.refuse_during_upgrade()?;
        if !self.supervisor.is_calm() {
            return Err("workers are starting or changing; try again when they have".to_owned());
        }
        let image = self.image.newest().map_err(|error| format!("no new program: {error}"))?;
        let text = self.describe_for_trial()?;
        let until = self.now().saturating_add(self.start_patience());
        let trial = Trial::begin(&image, &text, until)?;
        tracing::info!(program = %image.path().display(), pid = trial.pid(), "trying the new program");
        self.upgrade = Some(Upgrade::Trying(Trying { trial, image, client }));
        Ok(())
    }

    /// How long the new program may take to start: as long as a worker of any server.
    fn start_patience(&self) -> Time {
        let times = self.servers.iter().map(|server| server.settings().start_timeout.value);
        times.max().unwrap_or_default()
    }

    /// Fails while an upgrade is under way, which is to end first.
    pub(super) fn refuse_during_upgrade(&self) -> Result<(), String> {
        if self.upgrade.is_some() { Err(UNDER_WAY.to_owned()) } else { Ok(()) }
    }

    /// Ends a trial, because the program stops.
    pub(super) fn end_trial(&mut self) {
        if let Some(Upgrade::Trying(tried)) = &mut self.upgrade {
            tried.trial.end("the program stops".to_owned());
        }
    }

    /// Takes note of how the first reload of a new program has ended.
    pub(super) fn judge_upgrade(&mut self, report: &Report) {
        let Report::ReloadFinished { generation, result } = report else {
            return;
        };
        let verdict = match result {
            Ok(()) => Verdict::Serves,
            Err(ReloadError::Stopping) => Verdict::Stopped,
            Err(error) => Verdict::Fails(self.explain_reload(error)),
        };
        if let Some(Upgrade::Proving(proving)) = &mut self.upgrade
            && proving.generation == *generation
        {
            proving.verdict = Some(verdict);
        }
    }

    /// Goes on with an upgrade as far as that is possible. To be called when nothing is left to be
    /// done for the supervisor, for another program would not do it.
    pub(super) fn settle_upgrade(&mut self) {
        match self.upgrade.take() {
            None => self.close_former_servers(),
            Some(Upgrade::Trying(tried)) => self.settle_trial(tried),
            Some(Upgrade::Proving(proving)) => self.settle_proof(proving),
        }
    }

    fn settle_trial(&mut self, mut tried: Trying) {
        tried.trial.expire(self.now());
        let Some(verdict) = tried.trial.look() else {
            self.upgrade = Some(Upgrade::Trying(tried));
            return;
        };
        let Trying { image, client, .. } = tried;
        let failure = match verdict {
            Ok(()) if self.supervisor.is_calm() => self.go_forward(&image, client),
            Ok(()) => "workers have started or changed meanwhile; try again".to_owned(),
            Err(reason) => reason,
        };
        self.fail_upgrade(Some(client), &failure);
    }

    fn settle_proof(&mut self, mut proving: Proving) {
        let Some(verdict) = proving.verdict.take() else {
            self.upgrade = Some(Upgrade::Proving(proving));
            return;
        };
        let failure = match verdict {
            Verdict::Stopped => return self.fail_upgrade(proving.client, "the program stops"),
            Verdict::Fails(reason) => Some(reason),
            Verdict::Serves => {
                let started = self.hook("start", Hooks::start);
                started.err().map(|error| format!("the `start` hook failed: {error}"))
            }
        };
        match failure {
            None => self.complete_upgrade(proving.client),
            Some(reason) => {
                let error = self.go_back(&proving, reason);
                self.fail_upgrade(proving.client, &error);
            }
        }
    }

    fn complete_upgrade(&mut self, client: Option<ClientId>) {
        tracing::info!(program = %self.image.path().display(), "upgraded");
        self.servers.iter_mut().for_each(Server::give_up_addresses);
        if let Some(client) = client {
            self.conclude(client, Goal::Upgrade.into(), Ok(()));
        }
    }

    /// Gives up the sockets of servers that the program does not have any more, when their last
    /// worker is gone.
    fn close_former_servers(&mut self) {
        let Self { servers, live, .. } = self;
        let is_former = |server: &Server| server.serve.is_none();
        for (index, server) in servers.iter_mut().enumerate().filter(|(_, it)| is_former(it)) {
            if live.values().all(|worker| worker.server != index) {
                server.listeners.remove(&server.listeners.binds());
            }
        }
    }

    fn fail_upgrade(&mut self, client: Option<ClientId>, reason: &str) {
        tracing::error!("upgrade failed: {reason}");
        if let Some(client) = client {
            self.answer(client, error_line(reason));
        }
    }
}

impl Upgrade {
    /// What to wait for in poll(2).
    pub(super) fn descriptors(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        self.trial().into_iter().flat_map(Trial::descriptors)
    }

    /// When something is to be looked at.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.trial()?.deadline()
    }

    /// Whether a process is the new program on trial.
    pub(super) fn is_trial(&self, pid: i32) -> bool {
        self.trial().is_some_and(|trial| trial.pid() == pid)
    }

    fn trial(&self) -> Option<&Trial> {
        match self {
            Self::Trying(tried) => Some(&tried.trial),
            Self::Proving(_) => None,
        }
    }
}
