//! What follows from the state, whatever has led to it.

use super::action::{Leave, ReloadError, Report};
use super::server::Server;
use super::slot::Slot;
use super::{Mode, Supervisor, Time};

impl Supervisor {
    pub(super) fn settle(&mut self, now: Time) {
        if self.mode.forks() {
            self.staff(now);
        }
        if self.mode == Mode::Starting {
            self.check_started();
        }
        self.check_reloaded(now);
        if self.mode == Mode::Running {
            self.check_hope(now);
        }
        if let Mode::Stopping { started, code, .. } = self.mode {
            self.check_stopped(started, code);
        }
    }

    /// Forks what is missing and to be replaced.
    fn staff(&mut self, now: Time) {
        for server in &mut self.servers {
            server.fill(now, &mut self.actions);
            server.renew(now, &mut self.actions);
            server.check_recovered(now, &mut self.actions);
        }
    }

    /// Ends the program when every slot of every server is given up: somebody who watches the
    /// program can do more than it can itself.
    fn check_hope(&mut self, now: Time) {
        if self.servers.iter().any(Server::has_hope) {
            return;
        }
        let failure = self.servers.iter().find_map(Server::last_failure);
        if let Some(failure) = failure {
            self.actions.report(Report::NothingServes(failure));
            self.stop(now, Leave::Stop, 1);
        }
    }

    fn check_started(&mut self) {
        self.servers.iter_mut().for_each(Server::check_started);
        if self.servers.iter().all(Server::has_started) {
            self.mode = Mode::Running;
            self.actions.report(Report::Started);
        }
    }

    /// A reload is over when it is through, or when a failure leaves it no way to go on: the budget
    /// is used up by slots that stay empty.
    fn check_reloaded(&mut self, now: Time) {
        let Some(reload) = &self.reload else {
            return;
        };
        let failure = reload.failure.clone();
        let mut reloading = self.servers.iter().filter(|server| server.is_reloading());
        if reloading.clone().all(Server::is_reloaded) {
            let result = failure.map_or(Ok(()), |failure| Err(ReloadError::Worker(failure)));
            self.finish_reload(now, result);
            self.staff(now);
        } else if let Some(failure) = failure
            && !reloading.any(Server::is_moving)
        {
            self.fail_reload(now, failure);
            self.staff(now);
        }
    }

    fn check_stopped(&mut self, started: bool, code: u8) {
        if self.slots().all(Slot::is_gone) {
            self.mode = Mode::Finished;
            if started {
                self.actions.report(Report::Stopped);
            }
            self.actions.finish(code);
        }
    }
}
