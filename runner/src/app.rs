//! The builder: a program without macros, and what the macros expand to.

use crate::cli::{self, Verb};
use crate::config::{
    self, ConfigErrors, Declared, DeclaredServer, MasterOptions, ServerOptions, Sources,
    absent_doc, master_options, server_options,
};
use crate::error::Result;
use crate::server::{Worker, http, tcp};
use crate::spec::{
    Accept, Addresses, Kind, Master, Spawn, Term, WorkerExit, Workers, default_name,
};
use std::fmt::Display;
use std::future::Future;
use std::io::Write as _;
use std::panic::Location;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// A program: a master with its servers.
pub struct App {
    options: MasterOptions,
    place: &'static Location<'static>,
    servers: Vec<Server>,
}

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
    #[track_caller]
    pub fn new() -> Self {
        Self {
            options: MasterOptions::default(),
            place: Location::caller(),
            servers: Vec::new(),
        }
    }
    /// Adds a server.
    #[must_use]
    pub fn server(mut self, server: Server) -> Self {
        self.servers.push(server);
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
        let invocation = cli::parse(std::env::args_os()).unwrap_or_else(|error| error.exit());
        let sources = Sources::of_process(
            invocation.program,
            invocation.config_file,
            invocation.overrides,
        );
        match sources.and_then(|sources| self.config(&sources)) {
            Ok(config) => match invocation.verb {
                Verb::ConfigShow => print(&config),
                Verb::ConfigCheck => print(&"ok\n"),
                _ => ExitCode::SUCCESS,
            },
            Err(errors) => {
                eprintln!("{errors}");
                ExitCode::FAILURE
            }
        }
    }

    fn config(&self, sources: &Sources) -> Result<config::Config, ConfigErrors> {
        let servers = self.servers.iter().map(|server| DeclaredServer {
            kind: server.kind,
            name: server.name.clone(),
            options: &server.options,
            place: server.place,
        });
        let declared = Declared {
            master: &self.options,
            place: self.place,
            servers: servers.collect(),
        };
        config::load(&declared, sources)
    }
}

impl Default for App {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

/// A server: a protocol, its handler and its options.
pub struct Server {
    kind: Kind,
    name: String,
    options: ServerOptions,
    place: &'static Location<'static>,
}

impl Server {
    /// An http server whose workers each serve a copy of `handler`.
    #[track_caller]
    pub fn http<H: http::Handler>(handler: H) -> Self {
        let _ = handler;
        Self::declared::<H>(Kind::Http)
    }
    /// An http server whose handler each worker constructs for itself, after the fork.
    #[track_caller]
    pub fn http_with<H, F, Fut>(constructor: F) -> Self
    where
        H: http::Handler,
        F: Fn(Worker) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<H>> + Send + 'static,
    {
        let _ = constructor;
        Self::declared::<H>(Kind::Http)
    }
    /// A tcp server whose workers each serve a copy of `handler`.
    #[track_caller]
    pub fn tcp<H: tcp::Handler>(handler: H) -> Self {
        let _ = handler;
        Self::declared::<H>(Kind::Tcp)
    }
    /// A tcp server whose handler each worker constructs for itself, after the fork.
    #[track_caller]
    pub fn tcp_with<H, F, Fut>(constructor: F) -> Self
    where
        H: tcp::Handler,
        F: Fn(Worker) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<H>> + Send + 'static,
    {
        let _ = constructor;
        Self::declared::<H>(Kind::Tcp)
    }

    /// The name of the server, instead of that of its type in snake case.
    ///
    /// In lower case and with `_` for everything that is no letter or digit, it is also what the server is called
    /// in `runner.toml`, in the environment and on the command line.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    #[track_caller]
    fn declared<H>(kind: Kind) -> Self {
        Self {
            kind,
            name: default_name(std::any::type_name::<H>()),
            options: ServerOptions::default(),
            place: Location::caller(),
        }
    }
}

/// Unlike `print!`, it does not panic when the reader has gone.
fn print(text: &dyn Display) -> ExitCode {
    match write!(std::io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// A setter for each row of a table of options.
macro_rules! setters {
    ($owner:ident:
        $($(#[doc = $doc:literal])+
        $name:ident($argument:ty): $value:ty, $absent:ident $text:literal, [$($kind:ident),*];)+
    ) => {
        impl $owner {
            $(
                $(#[doc = $doc])+
                #[doc = absent_doc!($absent $text)]
                #[must_use]
                pub fn $name(mut self, $name: $argument) -> Self {
                    self.options.$name = Some($name.into());
                    self
                }
            )+
        }
    };
}

server_options!(setters Server);
master_options!(setters App);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Lifecycle;
    use bytes::Bytes;

    struct EchoServer;

    impl Lifecycle for EchoServer {}

    impl tcp::Handler for EchoServer {
        async fn receive(&self, _: &tcp::Conn, _: Bytes) -> Result {
            Ok(())
        }
    }

    #[test]
    fn a_server_keeps_its_options_and_where_it_was_declared() {
        let line = line!() + 1;
        let server = Server::tcp(EchoServer)
            .bind(["127.0.0.1:1", "[::1]:2"])
            .workers(5)
            .stdout("log")
            .drain_timeout(Duration::from_secs(5));
        assert_eq!((server.place.file(), server.place.line()), (file!(), line));
        assert_eq!(
            (server.kind, server.name.as_str()),
            (Kind::Tcp, "echo_server")
        );
        let options = server.options;
        assert_eq!(
            options.bind,
            Some(Addresses::from(["127.0.0.1:1", "[::1]:2"]))
        );
        assert_eq!(options.workers, Some(Workers::Fixed(5)));
        assert_eq!(options.stdout, Some(PathBuf::from("log")));
        assert_eq!(options.drain_timeout, Some(Duration::from_secs(5)));
        assert_eq!(options.start_timeout, None);
        assert_eq!(Server::tcp(EchoServer).name("Echo").name, "Echo");
    }
}
