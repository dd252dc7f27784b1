//! From what the program before has left to a running master.

use super::leave::ERRAND;
use super::state::{self, Course, State};
use super::{Proving, Upgrade};
use crate::config::{Config, ServerConfig};
use crate::control::protocol::error_line;
use crate::listener::Listeners;
use crate::master::control::Control;
use crate::master::edition::{Edition, Editions};
use crate::master::errors::Errors;
use crate::master::live::LiveWorker;
use crate::master::logs::Streams;
use crate::master::prepare::{Prepared, Server, sockets_of};
use crate::master::record::Record;
use crate::master::report::call_hook;
use crate::master::run::{MasterProcess, Program};
use crate::master::start::{Claims, Outfit, supervisor_settings};
use crate::os::hand_over::{self, HandedOver, Kept};
use crate::os::image::Image;
use crate::os::local::LocalListener;
use crate::os::pidfile::PidFile;
use crate::os::process::{Child, Signal};
use crate::os::{clock, orphans};
use crate::scoreboard::Row;
use crate::server::Serve;
use crate::spec::{ExitStatus, Spawn};
use crate::supervisor::{Adopted, Command, Event, Pid, Supervisor};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// What the program before has left.
#[derive(Debug)]
pub(crate) struct Arrival {
    state: State,
    handed_over: HandedOver,
}

impl Arrival {
    pub(crate) fn of(handed_over: HandedOver) -> Result<Self, String> {
        Ok(Self { state: State::parse(handed_over.text())?, handed_over })
    }

    /// The directory that the program was started in.
    pub(crate) fn directory(&self) -> &Path {
        &self.state.directory
    }

    /// The whole configuration, if this program was here before and goes on as it was.
    pub(crate) fn configuration(&self) -> Option<&str> {
        matches!(self.state.course, Course::Back { .. }).then_some(&self.state.configuration)
    }

    /// Executes the program before again, which goes on as if nothing had been. Returns, with the
    /// reason, only if that fails or there is none.
    pub(crate) fn give_back(self, reason: String) -> String {
        tracing::error!("upgrade failed, going back to the program before: {reason}");
        let Self { mut state, mut handed_over } = self;
        let Some(program) = state.previous.take() else {
            return reason;
        };
        let back = || {
            let previous = program.open(&mut handed_over, &state.path)?;
            let configuration = state.configuration.clone();
            let failed = state.ledger.newest() + 1;
            state.course = Course::Back { reason: reason.clone(), failed, configuration };
            let (_file, number) = hand_over::write(&state.text()?)?;
            Err(previous.execute(ERRAND, number))
        };
        let error: io::Error = back().unwrap_or_else(|error| error);
        format!("{reason}; and the program before cannot be executed: {error}")
    }
}
