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
//! (`trial.rs`), in a child, while nothing changes. Then everything is written down (`state.rs`)
//! and the new program executed in place of the old one (`leave.rs`), which takes everything in
//! hand (`arrive.rs`) and reloads. If that reload fails, everything goes back to the old program by
//! the same way; it was kept by a descriptor, so its file may be gone. The old workers serve all
//! the while.

mod arrive;
mod leave;
mod state;
mod trial;

pub(crate) use arrive::{Arrival, examine};
pub(crate) use leave::ERRAND;
pub(crate) use trial::{ERRAND as TRIAL, Examination};

use super::control::ClientId;
use super::run::MasterProcess;
use crate::control::protocol::error_line;
use crate::hooks::Hooks;
use crate::os::image::Image;
use crate::supervisor::{Generation, Report, ReloadError, Time};
use nix::poll::PollFlags;
use std::os::fd::BorrowedFd;
use trial::Trial;

/// What others are told who want to change something meanwhile.
const UNDER_WAY: &str = "an upgrade is under way; try again when it is over";

/// An upgrade under way.
#[derive(Debug)]
pub(super) enum Upgrade {
    /// The new program is tried.
    Trying { trial: Trial, image: Image, client: ClientId },
    /// This is the new program, and its first workers are on their way.
    Proving(Proving),
}

/// What the new program needs to give everything back.
#[derive(Debug)]
pub(super) struct Proving {
    previous: Image,
    /// What the previous one is configured by.
    configuration: String,
    client: Option<ClientId>,
    generation: Generation,
}

impl MasterProcess {
    /// Tries the program that is where this one was found; the client learns the outcome.
    pub(super) fn begin_upgrade(&mut self, client: ClientId) -> Result<(), String> {
        self.refuse_during_upgrade()?;
        if !self.supervisor.is_calm() {
            return Err("workers are starting or changing; try again when they have".to_owned());
        }
        let image = self.image.newest().map_err(|error| format!("no new program: {error}"))?;
        let text = self.describe()?;
        let until = self.now().saturating_add(self.start_patience());
        let trial = Trial::begin(&image, &text, until)?;
        tracing::info!(program = %image.path().display(), pid = trial.pid(), "trying the new program");
        self.upgrade = Some(Upgrade::Trying { trial, image, client });
        Ok(())
    }

    /// How long the new program may take to start, as long as a worker of any server may.
    fn start_patience(&self) -> Time {
        let times = self.servers.iter().map(|server| server.settings().start_timeout.value);
        times.max().unwrap_or_default()
    }

    /// Fails while an upgrade is under way, which is to end first.
    pub(super) fn refuse_during_upgrade(&self) -> Result<(), String> {
        if self.upgrade.is_some() { Err(UNDER_WAY.to_owned()) } else { Ok(()) }
    }

    /// Looks whether the trial is over, and if it is, draws the conclusion.
    pub(super) fn look_at_upgrade(&mut self) {
        let Some(Upgrade::Trying { trial, .. }) = &mut self.upgrade else {
            return;
        };
        trial.expire(self.began.elapsed());
        let Some(verdict) = trial.look() else {
            return;
        };
        let Some(Upgrade::Trying { image, client, .. }) = self.upgrade.take() else {
            return;
        };
        let result = verdict.and_then(|()| {
            if !self.supervisor.is_calm() {
                return Err("workers started or changed meanwhile; try again".to_owned());
            }
            // Returns only if that fails.
            Err(self.go_forward(&image, client))
        });
        if let Err(reason) = result {
            tracing::error!("upgrade failed: {reason}");
            self.answer(client, error_line(&reason));
        }
    }

    /// Ends a trial, because the program stops.
    pub(super) fn end_trial(&mut self) {
        if let Some(Upgrade::Trying { trial, .. }) = &mut self.upgrade {
            trial.end("the program stops".to_owned());
        }
    }

    /// Draws the conclusion from the first reload of a new program.
    pub(super) fn judge_upgrade(&mut self, report: &Report) {
        let Report::ReloadFinished { generation, result } = report else {
            return;
        };
        let Some(Upgrade::Proving(proving)) = self.upgrade.take_if(|upgrade| {
            matches!(upgrade, Upgrade::Proving(proving) if proving.generation == *generation)
        }) else {
            return;
        };
        let started = || {
            let hook = self.hook("start", Hooks::start);
            hook.map_err(|error| format!("the `start` hook failed: {error}"))
        };
        let failure = match result {
            Ok(()) => started().err(),
            Err(ReloadError::Stopping) => {
                return self.fail_upgrade(proving.client, "the program stops");
            }
            Err(error) => Some(self.explain_reload(error)),
        };
        match failure {
            None => self.complete_upgrade(proving.client),
            Some(reason) => {
                tracing::error!("upgrade failed, going back to the program before: {reason}");
                let error = self.go_back(&proving, reason);
                self.fail_upgrade(proving.client, &error);
            }
        }
    }

    fn complete_upgrade(&mut self, client: Option<ClientId>) {
        tracing::info!(program = %self.image.path().display(), "upgraded");
        if let Some(client) = client {
            self.tell_outcome(client);
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
    pub(super) fn descriptors(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        match self {
            Self::Trying { trial, .. } => trial.descriptors().into(),
            Self::Proving(_) => Vec::new(),
        }
    }

    /// When something is to be looked at.
    pub(super) fn deadline(&self) -> Option<Time> {
        match self {
            Self::Trying { trial, .. } => trial.deadline(),
            Self::Proving(_) => None,
        }
    }

    /// Whether a process is the new program on trial.
    pub(super) fn is_trial(&self, pid: i32) -> bool {
        matches!(self, Self::Trying { trial, .. } if trial.pid() == pid)
    }
}
