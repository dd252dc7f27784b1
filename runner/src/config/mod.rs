//! The configuration: layers with origins in, one validated [`Config`] or every error out.
//!
//! Built-in < declared (attribute or builder) < `runner.toml` < environment < command line.
//! The only I/O is reading the file.

mod addresses;
mod difference;
mod error;
mod former;
mod layers;
mod options;
mod origin;
mod section;
mod show;
mod suggest;
#[cfg(test)]
mod tests;
mod value;

pub(crate) use difference::{Change, Effect, of_master, of_server, without};
pub(crate) use error::ConfigErrors;
pub(crate) use former::{Former, load_former};
pub(crate) use layers::Override;
pub(crate) use options::{
    MasterConfig, MasterOptions, ServerOptions, ServerSettings, absent_doc, master_options,
    server_options,
};
pub(crate) use origin::{Origin, Sourced};
pub(crate) use suggest::suggestion;
pub(crate) use value::{Context, SOCKET_PATH_MAX};

use crate::spec::{Kind, Share, snake_case};
use addresses::{check_addresses, check_socket_options};
use layers::Layers;
use options::{PLANNED_MASTER, PLANNED_SERVER};
use section::Section;
use show::Line;
use std::ffi::OsString;
use std::panic::Location;
use std::path::PathBuf;
use value::{OptionValue as _, Text};

/// What the program says of itself: the layer under the file.
#[derive(Debug)]
pub(crate) struct Declared<'a> {
    pub(crate) master: &'a MasterOptions,
    pub(crate) place: &'static Location<'static>,
    pub(crate) servers: Vec<DeclaredServer<'a>>,
}

/// A server as the attribute or the builder declares it.
#[derive(Debug)]
pub(crate) struct DeclaredServer<'a> {
    pub(crate) kind: Kind,
    /// Given, or derived from the type.
    pub(crate) name: String,
    pub(crate) options: &'a ServerOptions,
    pub(crate) place: &'static Location<'static>,
}

/// The layers above the declaration, and what values depend on.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    /// `--config`; without it `runner.toml` is read if the start directory has one.
    pub(crate) file: Option<PathBuf>,
    /// Taken instead of what is in the file.
    pub(crate) text: Option<String>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) overrides: Vec<Override>,
    pub(crate) context: Context,
    /// Whether they were read before, and a program runs with what was in them.
    pub(crate) again: bool,
}

/// A configuration without errors.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    pub(crate) master: MasterConfig,
    /// In the order of the declaration.
    pub(crate) servers: Vec<ServerConfig>,
}

/// A server of a [`Config`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ServerConfig {
    /// What the file, the environment and the command line call it; unique.
    pub(crate) key: String,
    pub(crate) kind: Kind,
    /// What people call it; its origin is the declaration.
    pub(crate) name: Sourced<String>,
    pub(crate) settings: ServerSettings,
}

impl Sources {
    /// The surroundings of this process.
    pub(crate) fn of_process(
        program: String,
        file: Option<PathBuf>,
        overrides: Vec<Override>,
    ) -> Result<Self, ConfigErrors> {
        let directory = std::env::current_dir()
            .map_err(|error| ConfigErrors::single("current directory", error.to_string()))?;
        Ok(Self {
            file,
            text: None,
            environment: std::env::vars_os().collect(),
            overrides,
            context: Context {
                directory,
                program,
                // The standard library takes the least of the affinity mask and of the CPU quotas of cgroups: of
                // its own and all those above (`cpu.max`), and of version 1 (`cpu.cfs_quota_us`), at least 1.
                cores: std::thread::available_parallelism().map_or(1, usize::from),
            },
            again: false,
        })
    }

    /// A text that a [`Config`] was printed as, and nothing else.
    pub(crate) fn of_text(self, text: String) -> Self {
        Self { text: Some(text), environment: Vec::new(), overrides: Vec::new(), ..self }
    }

    /// The same, to be read while the program runs: a file that was read must still be there, for
    /// nobody means all the defaults by deleting it.
    pub(crate) fn again(mut self) -> Self {
        self.file = self.file.or_else(|| layers::default_file(&self.context.directory));
        self.again = true;
        self
    }
}

impl ServerConfig {
    /// The options that apply to its kind.
    fn lines(&self) -> Vec<Line<'_>> {
        let mut lines = self.settings.lines();
        lines.retain(|line| line.row.applies_to(self.kind));
        lines
    }
}

/// Merges the layers and checks everything that can be checked without touching the system.
pub(crate) fn load(declared: &Declared<'_>, sources: &Sources) -> Result<Config, ConfigErrors> {
    let mut errors = ConfigErrors::default();
    let context = &sources.context;
    let keys = keys(declared, context, &mut errors);
    let layers = Layers::read(sources, keys.clone(), &mut errors);
    let master = MasterConfig::settle(
        declared.master,
        &mut Section {
            path: "master".to_owned(),
            kind: None,
            declared: Origin::Declared(declared.place),
            settings: layers.master,
            planned: PLANNED_MASTER,
            context,
            errors: &mut errors,
        },
    );
    let mut servers = Vec::new();
    for ((server, key), settings) in declared.servers.iter().zip(keys).zip(layers.servers) {
        let origin = Origin::Declared(server.place);
        let settled = ServerSettings::settle(
            server.options,
            &mut Section {
                path: format!("server.{key}"),
                kind: Some(server.kind),
                declared: origin.clone(),
                settings,
                planned: PLANNED_SERVER,
                context,
                errors: &mut errors,
            },
        );
        if let Some(settings) = &settled {
            check_budget(&key, settings, &mut errors);
            check_socket_options(&key, settings, &mut errors);
        }
        servers.extend(settled.map(|settings| ServerConfig {
            key,
            kind: server.kind,
            name: Sourced { value: server.name.clone(), origin },
            settings,
        }));
    }
    check_addresses(&servers, &mut errors);
    match master {
        Some(master) if errors.is_empty() => Ok(Config { master, servers }),
        _ => Err(errors),
    }
}

/// The configuration key of each server.
fn keys(declared: &Declared<'_>, context: &Context, errors: &mut ConfigErrors) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for server in &declared.servers {
        let key = snake_case(&server.name);
        let origin = Origin::Declared(server.place);
        if let Err(message) = Text::validate(server.name.clone(), context) {
            errors.push("server.name", message, Some(origin));
        } else if key.is_empty() {
            let message = format!(
                "`{}` has no ASCII letter or digit, which the name of its configuration section needs",
                server.name
            );
            errors.push("server.name", message, Some(origin));
        } else if let Some(other) = keys.iter().position(|known| *known == key) {
            let other = Origin::Declared(declared.servers[other].place);
            let message = format!(
                "two servers have this name, the other is {other}; give one of them another `name`"
            );
            errors.push(format!("server.{key}"), message, Some(origin));
        }
        keys.push(key);
    }
    keys
}

/// Without a worker more or fewer for a while, none could be replaced.
fn check_budget(key: &str, settings: &ServerSettings, errors: &mut ConfigErrors) {
    let (surge, unavailable) = (&settings.max_surge, &settings.max_unavailable);
    let workers = settings.workers.value.initial();
    if Share::budget(surge.value, unavailable.value, workers).is_none() {
        let message = format!(
            "no worker could be replaced, for `max_unavailable` is 0 too, {}; give one of them more than 0",
            unavailable.origin.clause()
        );
        errors.push(format!("server.{key}.max_surge"), message, Some(surge.origin.clone()));
    }
}
