//! From a running master to everything that the next program needs, and to that program.

use super::Upgrade;
use super::state::{self, Course, State};
use crate::config::Config;
use crate::master::control::ClientId;
use crate::master::run::MasterProcess;
use crate::os::clock;
use crate::os::hand_over::{self, Kept};
use crate::os::image::Image;
use std::io::{self, Write};

/// What the program is executed for.
pub(crate) const ERRAND: &str = "master";

impl MasterProcess {
    /// What would be handed over. The descriptors in it are not kept for that.
    pub(super) fn describe(&self, course: Course) -> Result<String, String> {
        let text = self.write_state(course, None, &mut Kept::default());
        text.map_err(|error| format!("cannot describe this program: {error}"))
    }

    /// Executes another program in place of this one, and hands everything over to it. Returns, with
    /// the reason, only if that fails; then nothing has changed.
    pub(super) fn leave_for(
        &mut self,
        image: &Image,
        client: Option<ClientId>,
        course: Course,
    ) -> String {
        if let Some(control) = &mut self.control {
            control.keep_only(client, "the program changes over to another version; ask again");
        }
        // What is buffered would be lost.
        let _ = io::stdout().flush();
        let mut kept = Kept::default();
        let error = match self.write_state(course, client, &mut kept) {
            Ok(text) => match hand_over::write(&text) {
                Ok((_file, number)) => image.execute(ERRAND, number),
                Err(error) => error,
            },
            Err(error) => error,
        };
        format!("cannot execute the other program: {error}")
    }

    fn write_state<'a>(
        &'a self,
        course: Course,
        client: Option<ClientId>,
        kept: &mut Kept<'a>,
    ) -> io::Result<String> {
        let state = State {
            version: state::VERSION,
            previous: match course {
                Course::Forward => Some(state::Program {
                    file: kept.keep(&self.image)?,
                    arguments: self.image.arguments().collect(),
                }),
                Course::Back { .. } => None,
            },
            configuration: match &course {
                Course::Forward => self.configuration().to_string(),
                Course::Back { configuration, .. } => configuration.clone(),
            },
            course,
            directory: self.source.directory().to_owned(),
            path: self.image.path().to_owned(),
            began: clock::monotonic().saturating_sub(self.now()),
            ledger: self.supervisor.ledger(),
            servers: self.describe_servers(kept)?,
            workers: self.describe_workers(kept)?,
            pid_file: self.describe_pid_file(kept)?,
            control: self.describe_control(client, kept)?,
            exits: self.record.all().cloned().collect(),
        };
        serde_json::to_string(&state).map_err(io::Error::other)
    }

    /// The configuration that holds.
    fn configuration(&self) -> Config {
        let servers = self.servers.iter().map(|server| server.editions.current().config.clone());
        Config { master: self.config.clone(), servers: servers.collect() }
    }

    fn describe_servers<'a>(&'a self, kept: &mut Kept<'a>) -> io::Result<Vec<state::Server>> {
        let describe = |server: &'a crate::master::prepare::Server| {
            Ok(state::Server {
                key: server.key.clone(),
                name: server.name.value.clone(),
                kind: server.kind.to_string(),
                listeners: server.listeners.export(kept)?,
            })
        };
        self.servers.iter().map(describe).collect()
    }

    fn describe_workers<'a>(&'a self, kept: &mut Kept<'a>) -> io::Result<Vec<state::Worker>> {
        let mut describe = |(pid, worker): (&i32, &'a crate::master::live::LiveWorker)| {
            Ok(state::Worker {
                pid: *pid,
                server: worker.server,
                generation: worker.generation,
                channel: kept.keep(&worker.channel)?,
                row: kept.keep(&worker.row)?,
                heard: worker.heard().to_owned(),
                changing: worker.changing,
            })
        };
        self.live.iter().map(&mut describe).collect()
    }

    fn describe_pid_file<'a>(&'a self, kept: &mut Kept<'a>) -> io::Result<Option<state::PidFile>> {
        let describe = |file| {
            let path = crate::os::pidfile::PidFile::path(file).to_owned();
            Ok(state::PidFile { path, file: kept.keep(file)? })
        };
        self.pid_file.as_ref().map(describe).transpose()
    }

    fn describe_control<'a>(
        &'a self,
        client: Option<ClientId>,
        kept: &mut Kept<'a>,
    ) -> io::Result<Option<state::Control>> {
        let Some(control) = &self.control else {
            return Ok(None);
        };
        let listener = control.listener();
        let stream = client.and_then(|client| control.stream(client));
        Ok(Some(state::Control {
            path: listener.path().to_owned(),
            place: listener.place(),
            socket: kept.keep(listener)?,
            client: stream.map(|stream| kept.keep(stream)).transpose()?,
        }))
    }
}
