//! The builder: a program without macros, and what the macros expand to.

use crate::error::Result;
use crate::server::{Worker, http, tcp};
use crate::spec::{Accept, Master, Term, WorkerExit, Workers};
use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// A program: a master with its servers.
#[derive(Default)]
pub struct App(());

/// What the master calls in its own process. It has no async runtime, so none of them is async.
pub trait Hooks: 'static {
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
    /// A worker process has ended.
    fn worker_exit(&self, master: &Master, exit: &WorkerExit) -> Result {
        let _ = (master, exit);
        Ok(())
    }
}

impl App {
    /// A program without servers.
    #[must_use]
    pub fn new() -> Self {
        Self(())
    }
    /// Adds a server.
    #[must_use]
    pub fn server(self, server: Server) -> Self {
        let _ = server;
        self
    }
    /// Sets the hooks of the master.
    #[must_use]
    pub fn hooks(self, hooks: impl Hooks) -> Self {
        let _ = hooks;
        self
    }
    /// Reads the command line and does what it says.
    #[must_use]
    pub fn run(self) -> ExitCode {
        ExitCode::SUCCESS
    }
}

/// A server: a protocol, its handler and its options.
pub struct Server(());

impl Server {
    /// An http server whose workers each serve a copy of `handler`.
    pub fn http<H: http::Handler>(handler: H) -> Self {
        let _ = handler;
        Self(())
    }
    /// An http server whose handler each worker constructs for itself, after the fork.
    pub fn http_with<H, F, Fut>(constructor: F) -> Self
    where
        H: http::Handler,
        F: Fn(Worker) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<H>> + Send + 'static,
    {
        let _ = constructor;
        Self(())
    }
    /// A tcp server whose workers each serve a copy of `handler`.
    pub fn tcp<H: tcp::Handler>(handler: H) -> Self {
        let _ = handler;
        Self(())
    }
    /// A tcp server whose handler each worker constructs for itself, after the fork.
    pub fn tcp_with<H, F, Fut>(constructor: F) -> Self
    where
        H: tcp::Handler,
        F: Fn(Worker) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<H>> + Send + 'static,
    {
        let _ = constructor;
        Self(())
    }
}

macro_rules! setters {
    ($owner:ty: $($name:ident($($type:tt)+)),* $(,)?) => {
        impl $owner {
            $(
                /// Contract only.
                #[must_use]
                pub fn $name(self, value: $($type)+) -> Self { let _ = value; self }
            )*
        }
    };
}

setters! { Server:
    name(impl Into<String>), workers(impl Into<Workers>), threads(u32), user(impl Into<String>), group(impl Into<String>),
    stdin(impl Into<PathBuf>), stdout(impl Into<PathBuf>), stderr(impl Into<PathBuf>), max_connections(u64), receive_buffer(u64),
    keep_alive(Duration), header_timeout(Duration), backlog(u32), accept(Accept), drain_timeout(Duration), start_timeout(Duration),
    bind(impl Into<Addresses>),
}
setters! { App:
    name(impl Into<String>), pid_file(impl Into<PathBuf>), daemonize(bool), stdin(impl Into<PathBuf>), stdout(impl Into<PathBuf>),
    stderr(impl Into<PathBuf>), working_directory(impl Into<PathBuf>), umask(u32), term(Term),
}

/// One address or a list of them.
pub struct Addresses(pub Vec<String>);
impl From<&str> for Addresses {
    fn from(address: &str) -> Self {
        Self(vec![address.to_owned()])
    }
}
impl<const N: usize> From<[&str; N]> for Addresses {
    fn from(addresses: [&str; N]) -> Self {
        Self(addresses.map(str::to_owned).to_vec())
    }
}
