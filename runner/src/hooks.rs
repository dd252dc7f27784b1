//! What the master tells user code, in its own process.

use crate::error::Result;
use crate::spec::{Address, ExitStatus, Kind};
use std::fmt;
use std::time::Duration;

/// What the master calls in its own process. It has no async runtime, so none of them is async;
/// it supervises nothing while one of them runs, so they should be short.
///
/// ```
/// use runner::{Hooks, Master, Result};
///
/// struct Announce;
/// impl Hooks for Announce {
///     fn start(&self, master: &Master) -> Result {
///         println!("{} serves {} servers", master.name(), master.servers().len());
///         Ok(())
///     }
/// }
/// ```
pub trait Hooks: 'static {
    /// The configuration is valid, and no worker has been made. What this loads into `static`s is shared by all
    /// workers, in memory that is copied only where one of them writes to it. An error stops the program.
    ///
    /// It must leave no thread behind, for then the master could not fork. With [`Spawn::Exec`](crate::Spawn::Exec)
    /// workers share nothing, and each runs it for itself.
    fn preload(&self) -> Result {
        Ok(())
    }

    /// Every server is READY. An error stops the program.
    fn start(&self, master: &Master) -> Result {
        let _ = master;
        Ok(())
    }

    /// Every worker is gone and the program is about to exit.
    fn stop(&self, master: &Master) -> Result {
        let _ = master;
        Ok(())
    }

    /// A worker process has ended, for whatever reason.
    fn worker_exit(&self, master: &Master, exit: &WorkerExit) -> Result {
        let _ = (master, exit);
        Ok(())
    }
}

/// No hooks.
impl Hooks for () {}

/// The master, as its hooks see it.
#[derive(Clone, Debug)]
pub struct Master {
    pub(crate) name: String,
    pub(crate) servers: Vec<ServerInfo>,
}

impl Master {
    /// The name of the program.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The pid of the master.
    #[must_use]
    pub fn pid(&self) -> u32 {
        std::process::id()
    }

    /// The servers, in the order of their declaration.
    #[must_use]
    pub fn servers(&self) -> &[ServerInfo] {
        &self.servers
    }
}

/// A server that the master supervises.
#[derive(Clone, Debug)]
pub struct ServerInfo {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) addresses: Vec<Address>,
    pub(crate) workers: u32,
}

impl ServerInfo {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its protocol.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The addresses it listens on, with the real port where 0 was configured, and those of sockets
    /// that were inherited.
    #[must_use]
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// How many workers it has.
    #[must_use]
    pub fn workers(&self) -> u32 {
        self.workers
    }
}

/// The end of a worker process.
///
/// ```
/// use runner::{ExitStatus, WorkerExit};
///
/// fn was_killed(exit: &WorkerExit) -> bool {
///     !exit.was_asked() && exit.status() == ExitStatus::Signal(9)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct WorkerExit {
    pub(crate) server: String,
    pub(crate) slot: u32,
    pub(crate) generation: u32,
    pub(crate) pid: i32,
    pub(crate) status: ExitStatus,
    pub(crate) core: bool,
    pub(crate) last_request: Option<String>,
    pub(crate) uptime: Duration,
    pub(crate) cause: String,
    pub(crate) asked: bool,
}

impl WorkerExit {
    /// The name of the worker's server.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The worker's slot, counted from 0.
    #[must_use]
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// The worker's generation, counted from 1.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The pid it had.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// How the process ended.
    #[must_use]
    pub fn status(&self) -> ExitStatus {
        self.status
    }

    /// Whether it left a core dump, see core(5).
    #[must_use]
    pub fn dumped_core(&self) -> bool {
        self.core
    }

    /// What it was asked last, such as `GET /path`: the suspect after a crash. A worker with many
    /// requests at a time may have been busy with another one as well.
    #[must_use]
    pub fn last_request(&self) -> Option<&str> {
        self.last_request.as_deref()
    }

    /// How long it lived.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.uptime
    }

    /// Whether it was told to end, by a stop, a restart or a reload.
    #[must_use]
    pub fn was_asked(&self) -> bool {
        self.asked
    }
}

impl fmt::Display for WorkerExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, slot, generation, pid, cause, .. } = self;
        write!(f, "worker {server} {slot}/{generation} (pid {pid}) ended: {cause}")
    }
}
