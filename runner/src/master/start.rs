//! From everything in hand to the loop, and from a failure on the way back to nothing.

use super::control::Control;
use super::flood::Flood;
use super::live::Live;
use super::notify::Notify;
use super::prepare::{Prepared, Server};
use super::reconfigure::Source;
use super::record::Record;
use super::report::{call_hook, log_listeners};
use super::run::MasterProcess;
use crate::config;
use crate::error::Error;
use crate::hooks::{Hooks, Master, ServerInfo};
use crate::listener::Listeners;
use crate::os::daemon::{self, Launcher};
use crate::os::image::Image;
use crate::os::local::LocalListener;
use crate::os::oom::OomWatch;
use crate::os::pidfile::PidFile;
use crate::os::signal::Signals;
use crate::os::stdio::{Stdio, open_input, open_output};
use crate::os::title::{self, Title};
use crate::os::{clock, orphans};
use crate::spec::Spawn;
use crate::supervisor::{ServerSettings, Settings, Supervisor};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::time::Instant;

/// Whoever started process 1 waits for just this process, and its end is that of all others.
const NO_DAEMON: &str = "as process 1 there is nobody to return to; use `run`, without `daemonize`";

/// What others find the program by, and who waits for it: to be given back by a start that fails.
pub(super) struct Claims {
    pub(super) pid_file: Option<PidFile>,
    pub(super) control: Option<LocalListener>,
    pub(super) launcher: Option<Launcher>,
    pub(super) notify: Notify,
}

/// What the process has become.
pub(super) struct Outfit {
    pub(super) signals: Signals,
    pub(super) image: Image,
    pub(super) title: Option<Title>,
}

/// What the master needs of the program around it.
pub(crate) struct Program {
    pub(crate) hooks: Box<dyn Hooks>,
    /// Where its configuration comes from.
    pub(crate) source: Source,
    /// The directory that it was started in.
    pub(crate) directory: PathBuf,
}

/// Runs the program until it has stopped; what it returns is its exit code.
///
/// With `daemonize` the caller's process waits for READY and exits; this returns in the daemon.
pub(crate) fn run(mut prepared: Prepared, program: Program) -> Result<u8, String> {
    let (pid_file, control) = (prepared.pid_file.take(), prepared.control.take());
    let mut claims = Claims { pid_file, control, launcher: None, notify: Notify::of_environment() };
    match begin(&mut prepared, &program, &mut claims) {
        Ok(outfit) => Ok(MasterProcess::new(prepared, program, outfit, claims).run()),
        Err(reason) => {
            for server in &prepared.servers {
                server.listeners.remove_files();
            }
            claims.give_back(&reason);
            Err(reason)
        }
    }
}

impl Claims {
    fn give_back(mut self, reason: &str) {
        self.notify.ended(reason);
        if let Some(control) = self.control {
            control.remove();
        }
        if let Some(pid_file) = self.pid_file {
            pid_file.remove();
        }
        if let Some(launcher) = self.launcher {
            launcher.failed(reason);
        }
    }
}

/// Becomes the master, a daemon if it shall be one.
fn begin(
    prepared: &mut Prepared,
    program: &Program,
    claims: &mut Claims,
) -> Result<Outfit, String> {
    if prepared.config.daemonize.value {
        if orphans::is_init() {
            return Err(NO_DAEMON.to_owned());
        }
        claims.launcher = Some(daemon::detach().map_err(|error| error.to_string())?);
    }
    // Before anybody can learn the pid: a signal that came earlier would be the end.
    let signals = Signals::block(orphans::are_inherited());
    let signals = signals.map_err(|error| format!("cannot block signals: {error}"))?;
    if let Some(pid_file) = &mut claims.pid_file {
        let written = pid_file.write();
        written.map_err(|error| format!("cannot write the pid file: {error}"))?;
    }
    let become_master = || {
        if prepared.config.daemonize.value {
            prepared.stdio = fill(std::mem::take(&mut prepared.stdio))?;
        }
        let outfit = equip(prepared, signals, &program.directory)?;
        if prepared.config.spawn.value == Spawn::Fork {
            call_hook("preload", Some(&outfit.signals), || program.hooks.preload())?;
        }
        Ok::<_, Error>(outfit)
    };
    become_master().map_err(|error| format!("cannot start: {error}"))
}

/// Gives the process what it is known and controlled by.
pub(super) fn equip(
    prepared: &mut Prepared,
    signals: Signals,
    directory: &Path,
) -> io::Result<Outfit> {
    let config = &prepared.config;
    let image = Image::of_this_process(directory)?;
    let title = Title::prepare();
    let name = format!("{}: master", config.name.value);
    title::name_process(&name);
    if let Some(title) = title {
        title.set(&name);
    }
    log_listeners(&prepared.servers);
    std::mem::take(&mut prepared.stdio).redirect()?;
    Ok(Outfit { signals, image, title })
}

impl MasterProcess {
    pub(super) fn new(
        prepared: Prepared,
        program: Program,
        outfit: Outfit,
        claims: Claims,
    ) -> Self {
        let Prepared { config, servers, .. } = prepared;
        let each: Vec<_> = servers.iter().map(|it| supervisor_settings(it.settings())).collect();
        // Programs that were started together shall not do everything in the same moment.
        let seed = clock::monotonic().as_nanos() as u64 ^ u64::from(process::id());
        let all = Settings { seed, ..Settings::default() };
        let began = Instant::now();
        Self {
            supervisor: Supervisor::new(began.elapsed(), all, &each),
            info: describe(&config.name.value, &servers),
            flood: Flood::new(servers.len()),
            servers,
            live: Live::new(),
            program,
            upgrade: None,
            strangers: Vec::new(),
            title: outfit.title,
            image: outfit.image,
            signals: Some(outfit.signals),
            pid_file: claims.pid_file,
            control: claims.control.map(Control::new),
            launcher: claims.launcher,
            notify: claims.notify,
            record: Record::default(),
            last_requests: BTreeMap::new(),
            failed: None,
            config,
            reopening: None,
            oom: OomWatch::new(),
            began,
        }
    }
}

/// A daemon has no terminal: streams that are not redirected go to /dev/null.
fn fill(stdio: Stdio) -> io::Result<Stdio> {
    let null = Path::new("/dev/null");
    Ok(Stdio {
        stdin: Some(stdio.stdin.map_or_else(|| open_input(null), Ok)?),
        stdout: Some(stdio.stdout.map_or_else(|| open_output(null), Ok)?),
        stderr: Some(stdio.stderr.map_or_else(|| open_output(null), Ok)?),
    })
}

pub(super) fn describe(name: &str, servers: &[Server]) -> Master {
    let info = |server: &Server| ServerInfo {
        name: server.name.value.clone(),
        kind: server.kind,
        addresses: server.listeners.addresses().to_vec(),
        workers: server.settings().workers.value.initial(),
    };
    Master { name: name.to_owned(), servers: servers.iter().map(info).collect() }
}

pub(super) fn supervisor_settings(settings: &config::ServerSettings) -> ServerSettings {
    ServerSettings {
        workers: settings.workers.value.initial(),
        bounds: settings.workers.value.bounds(),
        elastic: settings.workers.value.is_elastic(),
        start_timeout: settings.start_timeout.value,
        lame_duck: settings.lame_duck.value,
        drain_timeout: settings.drain_timeout.value,
        retire_delay: Listeners::LATEST_ARRIVAL,
        heartbeat_timeout: settings.heartbeat_timeout.value,
        max_lifetime: settings.max_lifetime.as_ref().map(|it| it.value),
        max_memory: settings.max_memory.as_ref().map(|it| it.value),
        max_restarts: settings.max_restarts.as_ref().map(|it| it.value),
        restart_window: settings.restart_window.value,
        max_surge: settings.max_surge.value,
        max_unavailable: settings.max_unavailable.value,
    }
}
