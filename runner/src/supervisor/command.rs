//! What commands do, and what ends them before their time.

use super::action::{Leave, ReloadError, Report, StartFailure};
use super::event::{Command, Scale};
use super::{Generation, Mode, Reload, Supervisor, Time};

impl Supervisor {
    pub(super) fn command(&mut self, now: Time, command: Command) {
        match (command, self.mode) {
            (_, Mode::Finished) => {}
            (Command::Stop(how), Mode::Starting | Mode::Running) => self.stop(now, how.into(), 0),
            (Command::Stop(how), Mode::Stopping { how: before, .. }) => {
                self.hurry(now, before.faster().max(how.into()));
            }
            (_, Mode::Stopping { .. }) => self.actions.report(Report::Ignored(command)),
            (Command::Reload, _) => self.reload(now),
            (Command::Restart, _) => self.restart(now),
            (Command::Scale { server, to }, _) => self.scale(now, server, to),
        }
    }

    /// The number that is asked for holds until the next one, also in a reload and a restart.
    fn scale(&mut self, now: Time, server: Option<usize>, to: Scale) {
        for (index, scaled) in self.servers.iter_mut().enumerate() {
            if server.is_none_or(|server| server == index) {
                scaled.scale(to, false, now, &mut self.actions);
            }
        }
    }

    fn reload(&mut self, now: Time) {
        let previous = self.reload.as_ref().map_or(self.generation, |reload| reload.previous);
        self.begin_generation(now);
        self.reload = Some(Reload { previous, failure: None });
        for slot in self.servers.iter_mut().flat_map(|server| &mut server.slots) {
            slot.stop_starting(now, &mut self.actions);
        }
    }

    fn restart(&mut self, now: Time) {
        self.begin_generation(now);
        for server in &mut self.servers {
            server.leave(Leave::Stop, now, &mut self.actions);
        }
    }

    /// What is forked from now on is of a new generation.
    fn begin_generation(&mut self, now: Time) {
        self.newest += 1;
        self.end_reload(Err(ReloadError::Superseded { by: self.newest }));
        self.set_generation(self.newest);
        for server in &mut self.servers {
            server.extend_start(now);
            server.forgive(now);
        }
    }

    fn set_generation(&mut self, generation: Generation) {
        self.withdraw_forks();
        self.generation = generation;
    }

    pub(super) fn fail_reload(&mut self, now: Time, failure: StartFailure) {
        let Some(previous) = self.reload.as_ref().map(|reload| reload.previous) else {
            return;
        };
        self.end_reload(Err(ReloadError::Worker(failure)));
        self.set_generation(previous);
        for slot in self.servers.iter_mut().flat_map(|server| &mut server.slots) {
            slot.stop_starting(now, &mut self.actions);
            slot.end_back_off(now);
        }
    }

    pub(super) fn end_reload(&mut self, result: Result<(), ReloadError>) {
        if self.reload.take().is_some() {
            let generation = self.generation;
            self.actions.report(Report::ReloadFinished { generation, result });
        }
    }

    pub(super) fn fail_start(&mut self, now: Time, failure: StartFailure) {
        self.actions.report(Report::StartFailed(failure));
        self.stop(now, Leave::Stop, 1);
    }

    pub(super) fn stop(&mut self, now: Time, how: Leave, code: u8) {
        self.end_reload(Err(ReloadError::Stopping));
        self.withdraw_forks();
        self.mode = Mode::Stopping { how, started: self.mode == Mode::Running, code };
        self.hurry(now, how);
    }

    /// Makes all workers leave in this way.
    fn hurry(&mut self, now: Time, faster: Leave) {
        if let Mode::Stopping { how, .. } = &mut self.mode {
            *how = faster;
        }
        for server in &mut self.servers {
            server.leave(faster, now, &mut self.actions);
        }
    }

    /// Takes back the forks that were not begun.
    fn withdraw_forks(&mut self) {
        self.actions.withdraw_forks();
        for slot in self.servers.iter_mut().flat_map(|server| &mut server.slots) {
            slot.withdraw_fork();
        }
    }
}
