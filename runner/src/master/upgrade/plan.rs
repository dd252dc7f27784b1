//! What a program makes of what it would take over, before it touches any of it.

use super::legacy::Legacy;
use crate::config::{Config, MasterConfig, ServerConfig};
use crate::listener::{Listeners, Options, Request};
use crate::master::edition::Edition;
use crate::master::errors::Errors;
use crate::master::logs::Streams;
use crate::master::prepare::{bind_errors, listen_options};
use crate::master::start::supervisor_settings;
use crate::os::clock;
use crate::os::stdio::Stdio;
use crate::server::Serve;
use crate::spec::Bind;
use crate::supervisor::{Adopted, Settings, Supervisor};
use std::sync::Arc;
use std::time::Instant;

/// What the program is, whatever it takes over.
pub(crate) struct Newcomer {
    pub(crate) config: Config,
    pub(crate) serve: Vec<Arc<dyn Serve>>,
    /// The servers of the program before that this one does not have.
    pub(crate) former: Vec<ServerConfig>,
}

/// A master to be, with everything in hand that the program before does not leave to it.
pub(super) struct Plan {
    pub(super) config: MasterConfig,
    pub(super) stdio: Stdio,
    pub(super) servers: Vec<PlannedServer>,
    pub(super) supervisor: Supervisor,
    /// The time that all others count from.
    pub(super) began: Instant,
}

pub(super) struct PlannedServer {
    /// None for one that the program does not have any more.
    pub(super) serve: Option<Arc<dyn Serve>>,
    pub(super) edition: Edition,
    pub(super) options: Options,
    /// The how-manieth server it was of the program before; none for a new one.
    pub(super) position: Option<usize>,
    /// The sockets of a new one.
    pub(super) listeners: Option<Listeners>,
}

impl Plan {
    /// Opens files, looks up users and binds the addresses of new servers. The second part is what
    /// could not be had.
    pub(super) fn of(legacy: &Legacy, newcomer: Newcomer) -> Result<(Self, Vec<String>), String> {
        let Newcomer { config: Config { master: config, servers }, serve, former } = newcomer;
        let mut errors = Errors::default();
        let stdio = Streams::of_master(&config).open_at_once(&mut errors);
        let serve = serve.into_iter().map(Some).chain(former.iter().map(|_| None));
        let configs = servers.into_iter().chain(former.iter().cloned());
        let servers: Vec<_> = configs
            .zip(serve)
            .map(|(config, serve)| PlannedServer::open(config, serve, legacy, &mut errors))
            .collect();
        let since = clock::monotonic().saturating_sub(legacy.began);
        let adopted = servers.iter().map(|server| server.adopted(legacy)).collect();
        let supervisor =
            Supervisor::adopt(since, Settings::default(), adopted, legacy.ledger.newest)?;
        let now = Instant::now();
        let began = now.checked_sub(since).unwrap_or(now);
        Ok((Self { config, stdio, servers, supervisor, began }, errors.into()))
    }

    /// Binds for a moment what would be new on servers that are not: to see whether that can be.
    fn try_new_addresses(&self, legacy: &Legacy, errors: &mut Errors) {
        for server in &self.servers {
            let config = &server.edition.config;
            let had = server.position.map(|position| &legacy.servers[position].listeners);
            let Some(had) = had.filter(|_| server.serve.is_some()) else {
                continue;
            };
            let had: Vec<&Bind> = had.iter().map(|socket| &socket.bind).collect();
            let mut binds = config.settings.bind.value.clone();
            binds.retain(|bind| !had.contains(&bind));
            let request = Request { binds, slots: 1, options: server.options.clone() };
            match Listeners::bind(&request) {
                Ok(listeners) => listeners.remove_files(),
                Err(failures) => {
                    bind_errors(&config.key, failures, &config.settings.bind.origin, errors);
                }
            }
        }
    }
}

impl Legacy {
    /// Whether a program could take over, as far as that can be seen without doing it.
    pub(crate) fn examine(&self, newcomer: Newcomer) -> Result<(), String> {
        let (plan, problems) = Plan::of(self, newcomer)?;
        let mut errors = Errors::default();
        plan.try_new_addresses(self, &mut errors);
        for listeners in plan.servers.iter().filter_map(|server| server.listeners.as_ref()) {
            listeners.remove_files();
        }
        let problems: Vec<_> = problems.into_iter().chain(Vec::from(errors)).collect();
        if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
    }
}

impl PlannedServer {
    fn open(
        config: ServerConfig,
        serve: Option<Arc<dyn Serve>>,
        legacy: &Legacy,
        errors: &mut Errors,
    ) -> Self {
        let stdio = Streams::of_server(&config).open_at_once(errors);
        let options = listen_options(&config, errors);
        let position = legacy.servers.iter().position(|server| server.key == config.key);
        let listeners = match position {
            Some(_) => None,
            None => bind(&config, &options, errors),
        };
        let edition = Edition::new(config, stdio, errors);
        Self { serve, edition, options, position, listeners }
    }

    fn adopted(&self, legacy: &Legacy) -> Adopted {
        Adopted {
            settings: supervisor_settings(&self.edition.config.settings),
            ledger: self.position.and_then(|at| legacy.ledger.servers.get(at).cloned()),
            removed: self.serve.is_none(),
        }
    }
}

fn bind(config: &ServerConfig, options: &Options, errors: &mut Errors) -> Option<Listeners> {
    let bind = &config.settings.bind;
    let slots = config.settings.workers.value.initial();
    let request = Request { binds: bind.value.clone(), slots, options: options.clone() };
    let bound = Listeners::bind(&request);
    bound.map_err(|failures| bind_errors(&config.key, failures, &bind.origin, errors)).ok()
}
