//! From a running master to everything that the next program needs, and to that program.

use super::Proving;
use super::legacy::{self, Course, Legacy, VERSION};
use crate::config::Config;
use crate::master::control::{ClientId, Control};
use crate::master::live::LiveWorker;
use crate::master::prepare::Server;
use crate::master::run::MasterProcess;
use crate::os::clock;
use crate::os::hand_over::{self, Kept};
use crate::os::image::Image;
use crate::os::pidfile::PidFile;
use std::io::{self, Write};
use std::os::fd::OwnedFd;

/// What the program is executed for.
pub(crate) const ERRAND: &str = "master";

impl MasterProcess {
    /// What would be handed over to a new program. The descriptors in it are not kept for that.
    pub(super) fn describe_for_trial(&self) -> Result<String, String> {
        let describe = || {
            let own = self.image.open()?;
            self.legacy_for_new_program(&own, None, &mut Kept::default())?.text()
        };
        describe().map_err(|error| format!("cannot describe this program: {error}"))
    }

    /// Executes a new program in place of this one, and hands everything over to it. Returns, with
    /// the reason, only if that fails; then nothing has changed.
    pub(super) fn go_forward(&mut self, image: &Image, client: ClientId) -> String {
        self.refuse_others(Some(client));
        self.notify.reloading(self.now());
        let own = match self.image.open() {
            Ok(own) => own,
            Err(error) => return format!("cannot find the executable of this program: {error}"),
        };
        let mut kept = Kept::default();
        execute(image, self.legacy_for_new_program(&own, Some(client), &mut kept))
    }

    /// Executes the program before this one again. Returns, with the reason, only if that fails.
    pub(super) fn go_back(&mut self, proving: &Proving, reason: String) -> String {
        let Proving { previous, configuration, client, generation, .. } = proving;
        self.refuse_others(*client);
        let mut kept = Kept::default();
        let course = Course::Back { reason, failed: *generation };
        execute(previous, self.legacy(course, configuration.clone(), *client, &mut kept))
    }

    /// Only one client is taken along.
    fn refuse_others(&mut self, client: Option<ClientId>) {
        if let Some(control) = &mut self.control {
            control.keep_only(client, "the program changes over to another version; ask again");
        }
    }

    /// `own` is the executable of this program.
    fn legacy_for_new_program<'a>(
        &'a self,
        own: &'a OwnedFd,
        client: Option<ClientId>,
        kept: &mut Kept<'a>,
    ) -> io::Result<Legacy> {
        let (file, arguments) = (kept.keep(own)?, self.image.arguments().collect());
        let course = Course::Forward { previous: legacy::Program { file, arguments } };
        self.legacy(course, self.configuration().to_string(), client, kept)
    }

    fn legacy<'a>(
        &'a self,
        course: Course,
        configuration: String,
        client: Option<ClientId>,
        kept: &mut Kept<'a>,
    ) -> io::Result<Legacy> {
        Ok(Legacy {
            version: VERSION,
            course,
            directory: self.program.directory.clone(),
            path: self.image.path().to_owned(),
            configuration,
            began: clock::monotonic().saturating_sub(self.now()),
            ledger: self.supervisor.ledger(),
            servers: self
                .servers
                .iter()
                .map(|it| describe_server(it, kept))
                .collect::<io::Result<_>>()?,
            workers: self
                .live
                .iter()
                .map(|it| describe_worker(it, kept))
                .collect::<io::Result<_>>()?,
            pid_file: self.pid_file.as_ref().map(|it| describe_pid_file(it, kept)).transpose()?,
            control: self
                .control
                .as_ref()
                .map(|it| describe_control(it, client, kept))
                .transpose()?,
            record: self.record.clone(),
        })
    }

    /// The configuration that holds, without servers that the program does not have any more.
    fn configuration(&self) -> Config {
        let servers = self.servers.iter().filter(|server| server.serve.is_some());
        let servers = servers.map(|server| server.editions.current().config.clone());
        Config { master: self.config.clone(), servers: servers.collect() }
    }
}

/// Returns, with the reason, only if that fails.
fn execute(image: &Image, legacy: io::Result<Legacy>) -> String {
    // What is buffered would be lost.
    let _ = io::stdout().flush();
    let execute = || {
        let (_file, number) = hand_over::write(&legacy?.text()?)?;
        Err(image.execute(ERRAND, number))
    };
    let error = execute().unwrap_or_else(|error: io::Error| error);
    format!("cannot execute the other program: {error}")
}

fn describe_server<'a>(server: &'a Server, kept: &mut Kept<'a>) -> io::Result<legacy::Server> {
    Ok(legacy::Server {
        key: server.key.clone(),
        name: server.name.value.clone(),
        kind: server.kind,
        slots: server.listeners.slots(),
        listeners: server
            .listeners
            .export()
            .into_iter()
            .map(|it| it.try_map(|fd| kept.keep_borrowed(fd)))
            .collect::<io::Result<_>>()?,
    })
}

fn describe_worker<'a>(
    (pid, worker): (&i32, &'a LiveWorker),
    kept: &mut Kept<'a>,
) -> io::Result<legacy::Worker> {
    Ok(legacy::Worker {
        pid: *pid,
        server: worker.server,
        slot: worker.slot,
        serves: worker.serves,
        generation: worker.generation,
        channel: kept.keep(&worker.channel)?,
        row: kept.keep(&worker.row)?,
        heard: worker.heard().to_owned(),
    })
}

fn describe_pid_file<'a>(file: &'a PidFile, kept: &mut Kept<'a>) -> io::Result<legacy::PidFile> {
    Ok(legacy::PidFile { path: file.path().to_owned(), file: kept.keep(file)? })
}

fn describe_control<'a>(
    control: &'a Control,
    client: Option<ClientId>,
    kept: &mut Kept<'a>,
) -> io::Result<legacy::Control> {
    let listener = control.listener();
    let stream = client.and_then(|client| control.stream(client));
    Ok(legacy::Control {
        file: listener.file().clone(),
        socket: kept.keep(listener)?,
        client: stream.map(|stream| kept.keep(stream)).transpose()?,
    })
}
