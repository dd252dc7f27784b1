//! From what the program before has left to a running master.

use super::leave::ERRAND;
use super::plan::{Newcomer, Plan, PlannedServer};
use super::state::{self, Course, State};
use super::{Proving, Upgrade};
use crate::control::protocol::error_line;
use crate::hooks::Hooks;
use crate::listener::{Exported, Listeners};
use crate::master::control::Control;
use crate::master::edition::Editions;
use crate::master::live::{Live, LiveWorker};
use crate::master::prepare::{Prepared, Server};
use crate::master::report::call_hook;
use crate::master::run::MasterProcess;
use crate::master::start::{Claims, equip};
use crate::os::hand_over::{self, HandedOver};
use crate::os::local::LocalListener;
use crate::os::orphans;
use crate::os::pidfile::PidFile;
use crate::os::process::{Child, Signal};
use crate::os::signal::Signals;
use crate::scoreboard::Row;
use crate::spec::{ExitStatus, Spawn};
use crate::supervisor::{Command, Event, Pid};
use std::io;
use std::os::fd::RawFd;
use std::path::Path;

/// What the program before has left.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(super) state: State,
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

    /// Executes the program before again, which goes on as if nothing had been; nothing may have
    /// been taken in hand yet. Returns, with the reason, only if that fails or there is none.
    pub(crate) fn give_back(self, reason: String) -> String {
        let Self { mut state, mut handed_over } = self;
        let Course::Forward { previous } = &state.course else {
            return reason;
        };
        tracing::error!("going back to the program before: {reason}");
        let previous = previous.clone();
        let mut back = || {
            let previous = previous.take(&mut handed_over, &state.path)?;
            let failed = state.ledger.newest.saturating_add(1);
            state.course = Course::Back { reason: reason.clone(), failed };
            let (_file, number) = hand_over::write(&state.text()?)?;
            Err(previous.execute(ERRAND, number))
        };
        let error: io::Error = back().unwrap_or_else(|error| error);
        format!("{reason}; and the program before cannot be executed: {error}")
    }

    /// Goes on where the program before has stopped; what it returns is the exit code.
    pub(crate) fn take_over(self, newcomer: Newcomer) -> Result<u8, String> {
        let goes_back = self.configuration().is_some();
        let (plan, errors) = match Plan::of(&self.state, newcomer) {
            Ok(planned) => planned,
            Err(reason) => return Err(self.give_back(reason)),
        };
        if !errors.is_empty() && !goes_back {
            return Err(self.give_back(errors.join("\n")));
        }
        // This program has run with that configuration before, and there is no other to go to.
        for error in errors {
            tracing::error!("{error}");
        }
        let Self { state, handed_over } = self;
        Ok(settle_in(state, handed_over, plan)?.run())
    }
}

/// Takes everything in hand. What cannot be is left behind, with an error in the log.
fn settle_in(
    state: State,
    mut handed_over: HandedOver,
    plan: Plan,
) -> Result<MasterProcess, String> {
    let Plan { config, stdio, servers, supervisor, program, began } = plan;
    let mut take = |number: RawFd| handed_over.take(number);
    let positions: Vec<_> = servers.iter().map(|server| server.position).collect();
    let mut exported: Vec<_> = state.servers.into_iter().map(|it| it.listeners).collect();
    let servers = servers.into_iter().map(|server| {
        let exported = server.position.map(|position| std::mem::take(&mut exported[position]));
        adopt_server(server, exported.unwrap_or_default(), &mut take)
    });
    let servers = servers.collect::<io::Result<_>>().map_err(|error| error.to_string())?;
    let pid_file = state.pid_file.map(|it| Ok(PidFile::adopt(it.path, take(it.file)?)));
    let control = state.control.map(|it| adopt_control(it, &mut take));
    let (control, client) = control.transpose().map_err(explain)?.unzip();
    let pid_file = pid_file.transpose().map_err(explain)?;
    let claims = Claims::of_upgrade(pid_file);
    let signals = Signals::block(orphans::are_inherited()).map_err(explain)?;
    let mut prepared = Prepared { config, servers, stdio, pid_file: None, control: None };
    let mut outfit = equip(&mut prepared, signals, &program.directory).map_err(|error| error.to_string())?;
    outfit.image = outfit.image.found_at(state.path);
    let previous = match &state.course {
        Course::Forward { previous } => Some(previous.clone().take(&mut handed_over, outfit.image.path())),
        Course::Back { .. } => None,
    };
    todo!()
}
