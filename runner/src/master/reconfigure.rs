//! Changing over to another configuration while the program runs: to all of it, or to nothing.
//!
//! What can fail comes first: the configuration is read, files are opened, users looked up and new
//! addresses bound. Then the master goes by what only it goes by, and the workers for whom something
//! is different are replaced. Old addresses are given up when no worker needs them any more: at the
//! end of a reload that has succeeded. One that has failed gives the new ones up.

use super::edition::Edition;
use super::errors::Errors;
use super::logs::Streams;
use super::prepare::{Server, bind_errors, listen_options};
use super::run::MasterProcess;
use super::start::{describe, supervisor_settings};
use crate::config::{
    Change, Config, ConfigErrors, Effect, MasterConfig, ServerConfig, of_master, of_server, without,
};
use crate::spec::Bind;
use crate::supervisor::{Command, Event, Generation, Pid, Recycle};

/// Reads the configuration once more, from where it was read at the start.
pub(crate) type Source = Box<dyn Fn() -> Result<Config, ConfigErrors>>;

/// Which workers are replaced when the configuration was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Those for whom something is different.
    Changed,
    All,
    /// All of them, without waiting for what is in flight.
    AllAtOnce,
}

/// What the program is to become, with everything in hand for it.
struct Next {
    config: MasterConfig,
    changes: Vec<Change>,
    /// Of each server that is still configured.
    servers: Vec<NextServer>,
}

/// What a server is to become.
struct NextServer {
    index: usize,
    config: ServerConfig,
    changes: Vec<Change>,
    /// For its new workers, if something is different for them.
    edition: Option<Edition>,
    /// What was bound for it.
    bound: Vec<Bind>,
}

impl MasterProcess {
    /// Does what HUP means.
    pub(super) fn hung_up(&mut self) {
        self.ensure_found();
        // An error is logged, and the files are reopened all the same.
        let _ = self.reconfigure(Extent::Changed);
        for error in self.reopen_logs().err().into_iter().flatten() {
            tracing::error!("{error}; the old file stays");
        }
    }

    /// Reads the configuration and changes over to it. Returns what was different, or everything
    /// that is wrong: then nothing changes, and no worker is replaced.
    pub(super) fn reconfigure(&mut self, extent: Extent) -> Result<Vec<String>, Vec<String>> {
        if self.supervisor.is_stopping() {
            self.command_workers(extent, Vec::new());
            return Ok(Vec::new());
        }
        let next = (self.program.source)().map_err(Vec::from).and_then(|it| self.open(it));
        let next = next.inspect_err(|errors| {
            errors.iter().for_each(|error| tracing::error!("{error}"));
            tracing::error!("the configuration stays as it was, and so do the workers");
            self.notify.failed(format!("the last reload failed: {}", errors.join("; ")));
        })?;
        let told = next.tell();
        self.change_over(next, extent);
        Ok(told)
    }

    /// After a reload each server has one configuration: the new one, or if it has failed the one
    /// before. Gives up what belongs to the others.
    pub(super) fn settle_configuration(&mut self, reloaded: Generation) {
        if self.supervisor.generation() > reloaded {
            // The next reload is under way, and settles this one as well.
            return;
        }
        let generations: Vec<_> = self.supervisor.status().map(|it| it.generation).collect();
        for (index, generation) in generations.into_iter().enumerate() {
            let server = &mut self.servers[index];
            if server.editions.is_settled() {
                continue;
            }
            server.settle(generation);
            server.restore_sockets();
            let settings = supervisor_settings(server.settings());
            self.supervisor.configure(self.now(), index, settings);
            self.dismiss_workers_after(index, generation);
        }
        self.describe_anew();
    }

    /// Gets everything for another configuration; in case of errors there is no trace of it.
    fn open(&mut self, config: Config) -> Result<Next, Vec<String>> {
        let mut errors = Errors::default();
        let changes = of_master(&self.config, &config.master);
        if changes.iter().any(|change| change.effect == Effect::AtOnce) {
            // Only to see whether that can be done: they are opened again to change over to them.
            Streams::of_master(&config.master).reopen(&mut errors);
        }
        let mut servers = Vec::new();
        for after in config.servers {
            let found = self.servers.iter_mut().enumerate().find(|(_, it)| it.key == after.key);
            if let Some((index, server)) = found {
                servers.push(server.open(index, after, &mut errors));
            }
        }
        if errors.is_empty() {
            return Ok(Next { config: config.master, changes, servers });
        }
        for NextServer { index, bound, .. } in servers {
            self.servers[index].close(&bound);
        }
        Err(errors.into())
    }

    /// From here on nothing can fail but new workers.
    fn change_over(&mut self, next: Next, extent: Extent) {
        self.config.change_to(next.config, &next.changes);
        let outputs = |change: &Change| change.effect == Effect::AtOnce && change.option != "term";
        if extent != Extent::Changed && next.changes.iter().any(outputs) {
            for error in self.reopen_logs().err().into_iter().flatten() {
                tracing::error!("{error}; the old file stays");
            }
        }
        for server in &next.servers {
            let settings = supervisor_settings(&server.config.settings);
            self.supervisor.configure(self.now(), server.index, settings);
        }
        let changed = next.servers.iter().filter(|server| server.edition.is_some());
        self.command_workers(extent, changed.map(|server| server.index).collect());
        let generation = self.supervisor.generation();
        for NextServer { index, config, edition, .. } in next.servers {
            let server = &mut self.servers[index];
            match edition {
                Some(edition) => server.editions.begin(generation, edition),
                None => server.editions.current_mut().config = config,
            }
            if extent == Extent::AllAtOnce {
                server.settle(generation);
            }
        }
        self.describe_anew();
    }

    /// Takes note, and has the log take note, of what is listened on now.
    fn describe_anew(&mut self) {
        let now = describe(&self.config.name.value, &self.servers);
        for (before, now) in self.info.servers().iter().zip(now.servers()) {
            let server = now.name();
            for address in without(now.addresses(), before.addresses()) {
                tracing::info!(server, "listening on {address} too");
            }
            for address in without(before.addresses(), now.addresses()) {
                tracing::info!(server, "not listening on {address} any more");
            }
        }
        self.info = now;
    }

    fn command_workers(&mut self, extent: Extent, changed: Vec<usize>) {
        self.tell(Event::Command(match extent {
            Extent::Changed => Command::ReloadOnly(changed),
            Extent::All => Command::Reload,
            Extent::AllAtOnce => Command::Restart,
        }));
    }

    /// Replaces workers that came with a configuration that has failed elsewhere.
    fn dismiss_workers_after(&mut self, server: usize, generation: Generation) {
        let live = self.live.iter();
        let stray = live.filter(|(_, it)| it.server == server && it.generation > generation);
        for pid in stray.map(|(pid, _)| Pid(*pid)).collect::<Vec<_>>() {
            self.tell(Event::Due { pid, why: Recycle::Configuration });
        }
    }
}

impl Server {
    /// Gets everything for another configuration; `errors` tell what cannot be had.
    fn open(&mut self, index: usize, after: ServerConfig, errors: &mut Errors) -> NextServer {
        let before = &self.editions.current().config;
        let changes = of_server(before, &after);
        let mut config = before.clone();
        config.change_to(after, &changes);
        let is_new = changes.iter().any(|change| change.effect == Effect::Reload);
        let edition = is_new.then(|| {
            let stdio = Streams::of_server(&config).open_at_once(errors);
            Edition::new(config.clone(), stdio, errors)
        });
        if !changes.is_empty() {
            self.adjust_sockets(&config, errors);
        }
        let bind = &config.settings.bind;
        let mut bound = self.listeners.missing(&bind.value);
        if let Err(failures) = self.listeners.add(&bound) {
            bind_errors(&self.key, failures, &bind.origin, errors);
            bound.clear();
        }
        NextServer { index, config, changes, edition, bound }
    }

    fn adjust_sockets(&mut self, config: &ServerConfig, errors: &mut Errors) {
        let options = listen_options(config, errors);
        if errors.is_empty()
            && options != *self.listeners.options()
            && let Err(error) = self.listeners.configure(options)
        {
            let problem = format!("cannot change the sockets: {error}");
            errors.push(&format!("server.{}", self.key), problem, &config.name.origin);
        }
    }

    /// Takes back what was opened.
    fn close(&mut self, bound: &[Bind]) {
        self.listeners.remove(bound);
        self.restore_sockets();
    }

    /// Has the sockets as the configuration says that is in force.
    fn restore_sockets(&mut self) {
        let mut errors = Errors::default();
        let config = self.editions.current().config.clone();
        self.adjust_sockets(&config, &mut errors);
        for error in Vec::from(errors) {
            tracing::error!("{error}; the sockets do not become what they were");
        }
    }

    /// Has only the edition for a generation.
    fn settle(&mut self, generation: Generation) {
        self.editions.settle(generation);
        self.give_up_addresses();
    }

    /// Closes the sockets for the addresses that no configuration has which is in use.
    pub(super) fn give_up_addresses(&mut self) {
        let gone = without(&self.listeners.binds(), &self.editions.addresses());
        self.listeners.remove(&gone);
    }
}

impl Next {
    /// Logs what is different, and returns it: a line for each part, and one for each option that
    /// waits for the next start.
    fn tell(&self) -> Vec<String> {
        let master = [("master", &self.changes, "")];
        let servers = self.servers.iter().map(|server| {
            let end = if server.edition.is_some() { "; by new workers" } else { "" };
            (server.config.name.value.as_str(), &server.changes, end)
        });
        let mut lines = Vec::new();
        for (part, changes, end) in master.into_iter().chain(servers) {
            let (waiting, others): (Vec<_>, Vec<_>) =
                changes.iter().partition(|change| change.effect == Effect::Start);
            let others: Vec<_> = others.iter().map(ToString::to_string).collect();
            if !others.is_empty() {
                let line = format!("{part}: {}{end}", others.join(", "));
                tracing::info!("{line}");
                lines.push(line);
            }
            for change in waiting {
                let line = format!("{part}: {change}");
                tracing::warn!("{line}");
                lines.push(line);
            }
        }
        lines
    }
}
