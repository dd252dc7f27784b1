//! Everything that can go wrong before the first fork: users, files, addresses, the pid file.

use super::edition::{Edition, Editions};
use super::errors::Errors;
use super::logs::Streams;
use crate::config::{
    Config, MasterConfig, Origin, SOCKET_PATH_MAX, ServerConfig, ServerSettings, Sourced,
};
use crate::control::control_path;
use crate::listener::{BindError, Listeners, Options, Request};
use crate::os::daemon;
use crate::os::local::LocalListener;
use crate::os::pidfile::{PidFile, PidFileError};
use crate::os::privilege::{find_gid, find_uid};
use crate::os::socket_file::Access;
use crate::os::stdio::Stdio;
use crate::server::Serve;
use crate::spec::Kind;
use nix::sys::stat::{Mode, umask};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files of a daemon are not for others, unless `umask` says so.
const DAEMON_UMASK: u32 = 0o027;

/// A program whose every file, user and address is in hand.
pub(crate) struct Prepared {
    pub(crate) config: MasterConfig,
    pub(crate) servers: Vec<Server>,
    pub(crate) stdio: Stdio,
    pub(crate) pid_file: Option<PidFile>,
    pub(crate) control: Option<LocalListener>,
}

/// A server, ready to be forked.
pub(crate) struct Server {
    /// What its section of the configuration is called after.
    pub(crate) key: String,
    /// What people call it, and where it is declared.
    pub(crate) name: Sourced<String>,
    pub(crate) kind: Kind,
    /// None when the program has no such server any more.
    pub(crate) serve: Option<Arc<dyn Serve>>,
    pub(crate) listeners: Listeners,
    pub(crate) editions: Editions,
}

impl Server {
    /// Its options as they are now.
    pub(super) fn settings(&self) -> &ServerSettings {
        &self.editions.current().config.settings
    }
}

/// Looks up, opens, locks and binds what the configuration names. An error leaves nothing behind
/// but log files.
pub(crate) fn prepare(config: Config, serve: Vec<Arc<dyn Serve>>) -> Result<Prepared, Vec<String>> {
    let Config { master, servers } = config;
    let mut errors = Errors::default();
    let given = master.umask.as_ref().map(|mask| mask.value);
    if let Some(mask) = given.or(master.daemonize.value.then_some(DAEMON_UMASK)) {
        umask(Mode::from_bits_truncate(mask));
    }
    let pid_file = master.pid_file.as_ref().map(lock_pid_file).transpose()?;
    let control = control_path(&master).and_then(|path| listen_for_control(&path, &mut errors));
    let stdio = Streams::of_master(&master).open(&mut errors);
    let servers: Vec<_> = servers
        .into_iter()
        .zip(serve)
        .filter_map(|(config, serve)| prepare_server(config, serve, &mut errors))
        .collect();
    enter_directory(&master, &mut errors);
    if errors.is_empty() {
        Ok(Prepared { config: master, servers, stdio, pid_file, control })
    } else {
        for server in servers {
            server.listeners.remove_files();
        }
        if let Some(control) = control {
            control.remove();
        }
        if let Some(pid_file) = pid_file {
            pid_file.remove();
        }
        Err(errors.into())
    }
}

fn prepare_server(
    config: ServerConfig,
    serve: Arc<dyn Serve>,
    errors: &mut Errors,
) -> Option<Server> {
    let (key, name, kind) = (config.key.clone(), config.name.clone(), config.kind);
    let stdio = Streams::of_server(&config).open(errors);
    let options = listen_options(&config, errors);
    let first = Edition::new(config, stdio, errors);
    let settings = &first.config.settings;
    let request = Request {
        binds: settings.bind.value.clone(),
        slots: settings.workers.value.initial(),
        options,
    };
    let listeners = Listeners::bind(&request)
        .map_err(|failures| bind_errors(&key, failures, &settings.bind.origin, errors));
    let listeners = listeners.ok()?;
    let editions = Editions::new(first);
    Some(Server { key, name, kind, serve: Some(serve), listeners, editions })
}

/// How the server listens; who may connect is looked up.
pub(super) fn listen_options(config: &ServerConfig, errors: &mut Errors) -> Options {
    let (key, settings) = (format!("server.{}", config.key), &config.settings);
    let owner = settings.owner.as_ref().and_then(|owner| {
        errors.keep(&format!("{key}.owner"), &owner.origin, find_uid(&owner.value))
    });
    let group_owner = settings.group_owner.as_ref().and_then(|group| {
        errors.keep(&format!("{key}.group_owner"), &group.origin, find_gid(&group.value))
    });
    let mode = settings.mode.as_ref().map_or(Access::PRIVATE.mode, |mode| mode.value);
    Options {
        backlog: settings.backlog.value,
        client_speaks_first: config.kind == Kind::Http,
        accept: settings.accept.value,
        v6only: settings.v6only.value,
        access: Access { mode, uid: owner, gid: group_owner },
    }
}

/// Goes to the directory to work in. Every path is absolute by now.
fn enter_directory(master: &MasterConfig, errors: &mut Errors) {
    match &master.working_directory {
        Some(path) => {
            let explain = |error| format!("cannot work in `{}`: {error}", path.value.display());
            let entered = daemon::enter(&path.value).map_err(explain);
            errors.keep("master.working_directory", &path.origin, entered);
        }
        None if master.daemonize.value => {
            let entered = daemon::enter(Path::new("/"));
            errors.keep("master.daemonize", &master.daemonize.origin, entered);
        }
        None => {}
    }
}

/// Takes the pid file. That comes first and alone: of a program that runs already, nothing may be
/// touched, and every other error would only be a consequence.
fn lock_pid_file(path: &Sourced<PathBuf>) -> Result<PidFile, Vec<String>> {
    let shown = path.value.display();
    PidFile::acquire(&path.value).map_err(|error| {
        let problem = match error {
            PidFileError::Held(Some(pid)) => {
                format!("`{shown}` is held: the program runs already, with pid {pid}")
            }
            PidFileError::Held(None) => {
                format!("`{shown}` is held: the program is starting already")
            }
            PidFileError::Io(error) => format!("cannot use `{shown}`: {error}"),
        };
        let mut errors = Errors::default();
        errors.push("master.pid_file", problem, &path.origin);
        errors.into()
    })
}

/// Takes the control socket.
fn listen_for_control(path: &Sourced<PathBuf>, errors: &mut Errors) -> Option<LocalListener> {
    let shown = path.value.display();
    let length = path.value.as_os_str().len();
    let listener = if length > SOCKET_PATH_MAX {
        Err(format!(
            "`{shown}` has {length} bytes, and the path of a socket may have {SOCKET_PATH_MAX}"
        ))
    } else {
        let explain = |error| format!("cannot listen at `{shown}`: {error}");
        LocalListener::bind(&path.value).map_err(explain)
    };
    errors.keep("master.control", &path.origin, listener)
}

/// Notes which addresses of a server cannot be had.
pub(super) fn bind_errors(
    key: &str,
    failures: Vec<BindError>,
    origin: &Origin,
    errors: &mut Errors,
) {
    for failure in failures {
        errors.push(&format!("server.{key}.bind"), failure, origin);
    }
}
