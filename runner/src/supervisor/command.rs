//! What commands do, and what ends them before their time.

use super::action::{Leave, ReloadError, Report, StartFailure};
use super::event::{Command, Scale};
use super::server::Server;
use super::{Mode, Reload, Supervisor, Time};

impl Supervisor {
    pub(super) fn command(&mut self, now: Time, command: Command) {
        match (self.mode, command) {
            (Mode::Finished, _) => {}
            (Mode::Starting | Mode::Running, Command::Stop(how)) => self.stop(now, how.into(), 0),
            (Mode::Stopping { how: before, .. }, Command::Stop(how)) => {
                // When nobody is a lame duck any more, all drain.
                let lame_ducks = self.servers.iter().any(Server::has_lame_ducks);
                let before = if lame_ducks { before } else { before.max(Leave::Drain) };
                self.hurry(now, before.faster().max(how.into()));
            }
            (Mode::Stopping { .. }, command) => self.actions.report(Report::Ignored(command)),
            (_, Command::Reload) => self.reload(now, |_| true),
            (_, Command::ReloadOnly(servers)) => {
                self.reload(now, |server| servers.contains(&server.index));
            }
            (_, Command::Restart) => self.restart(now),
            (_, Command::Scale { server, to }) => self.scale(now, server, to),
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

    /// Reloads the servers that are meant, and with them those that a reload in progress is about.
    fn reload(&mut self, now: Time, is_meant: impl Fn(&Server) -> bool) {
        let is_meant = |server: &Server| is_meant(server) && server.is_reloadable();
        if !self.servers.iter().any(is_meant) {
            return;
        }
        self.begin_generation();
        let Self { servers, newest, actions, .. } = self;
        for server in servers.iter_mut().filter(|it| is_meant(it) || it.is_reloading()) {
            server.reload(*newest, now, actions);
        }
        self.reload = Some(Reload { generation: self.newest, failure: None });
    }

    fn restart(&mut self, now: Time) {
        self.begin_generation();
        let Self { servers, newest, actions, .. } = self;
        for server in servers {
            server.restart(*newest, now, actions);
        }
    }

    fn begin_generation(&mut self) {
        self.newest += 1;
        self.end_reload(Err(ReloadError::Superseded { by: self.newest }));
    }

    pub(super) fn fail_reload(&mut self, now: Time, failure: StartFailure) {
        self.end_reload(Err(ReloadError::Worker(failure)));
        for server in &mut self.servers {
            server.fail_reload(now, &mut self.actions);
        }
    }

    /// It is through, if not without failures: there is nothing left to return to.
    pub(super) fn finish_reload(&mut self, now: Time, result: Result<(), ReloadError>) {
        let succeeded = result.is_ok();
        self.end_reload(result);
        for server in &mut self.servers {
            server.finish_reload(succeeded, &self.settings, now, &mut self.actions);
        }
    }

    fn end_reload(&mut self, result: Result<(), ReloadError>) {
        if let Some(Reload { generation, .. }) = self.reload.take() {
            self.actions.report(Report::ReloadFinished { generation, result });
        }
    }

    pub(super) fn fail_start(&mut self, now: Time, failure: StartFailure) {
        self.actions.report(Report::StartFailed(failure));
        self.stop(now, Leave::Stop, 1);
    }

    pub(super) fn stop(&mut self, now: Time, how: Leave, code: u8) {
        self.end_reload(Err(ReloadError::Stopping));
        for server in &mut self.servers {
            server.withdraw_forks(&mut self.actions);
        }
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
}
