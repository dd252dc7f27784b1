//! From what the program before has left to a running master.

use super::leave::ERRAND;
use super::state::{self, Course, State};
use super::{Proving, Upgrade};
use crate::config::Config;
use crate::control::protocol::error_line;
use crate::master::control::Control;
use crate::master::live::{Live, LiveWorker};
use crate::os::clock;
use crate::os::hand_over::{self, HandedOver};
use crate::os::image::Image;
use crate::os::local::LocalListener;
use crate::os::pidfile::PidFile;
use crate::os::process::{Child, Signal};
use crate::scoreboard::Row;
use crate::supervisor::{Adopted, Settings, Supervisor};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// What the program before has left.
#[derive(Debug)]
pub(crate) struct Arrival {
    state: State,
    handed_over: HandedOver,
}

impl Arrival {
    pub(crate) fn of(handed_over: HandedOver) -> Result<Self, String> {
        Ok(Self { state: State::read(handed_over.text())?, handed_over })
    }

    /// The directory that the program was started in.
    pub(crate) fn directory(&self) -> &Path {
        &self.state.directory
    }

    /// The whole configuration, if this program was here before and goes on as it was.
    pub(crate) fn configuration(&self) -> Option<&str> {
        match self.state.course {
            Course::Forward { .. } => None,
            Course::Back { .. } => Some(&self.state.configuration),
        }
    }

    /// Executes the program before again, which goes on as if nothing had been; nothing may have been
    /// taken in hand yet. Returns, with the reason, only if that fails or there is none.
    pub(crate) fn give_back(self, reason: String) -> String {
        let Self { mut state, mut handed_over } = self;
        let Course::Forward { previous } = &state.course else {
            return reason;
        };
        tracing::error!("upgrade failed, going back to the program before: {reason}");
        let previous = previous.clone();
        let back = || {
            let previous = previous.take(&mut handed_over, &state.path)?;
            let failed = state.ledger.newest.saturating_add(1);
            state.course = Course::Back { reason: reason.clone(), failed };
            let (_file, number) = hand_over::write(&state.text()?)?;
            Err(previous.execute(ERRAND, number))
        };
        let error: io::Error = back().unwrap_or_else(|error| error);
        format!("{reason}; and the program before cannot be executed: {error}")
    }
}
