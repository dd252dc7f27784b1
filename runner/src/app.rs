//! The builder: a program without macros, and what the macros expand to.

mod errand;

use crate::cli::{self, Invocation, Verb};
use crate::config::{
    self, Config, ConfigErrors, Declared, DeclaredServer, MasterOptions, Override, ServerOptions,
    Sources, absent_doc, master_options, server_options,
};
use crate::control;
use crate::error::{Error, Result};
use crate::hooks::Hooks;
use crate::master::{self, prepare};
use crate::os::fork;
use crate::os::hand_over::HandedOver;
use crate::server::{Lifecycle, Serve, Worker, http, tcp};
use crate::spec::{
    Accept, Addresses, Capability, CpuAffinity, Kind, Limit, Share, Spawn, Term, Workers,
    default_name,
};
use std::fmt::Display;
use std::future::{Future, Ready};
use std::io::{self, IsTerminal, Write};
use std::panic::Location;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// The program could not be started, stopped or reloaded.
const EXIT_FAILURE: u8 = 1;
/// The command line or the configuration is wrong; trying again is useless.
const EXIT_USAGE: u8 = 2;

const NO_SERVER: &str = "\
no server is registered in this program
note: an attribute registers its server when the code is linked, and a crate that nothing names is not
help: put `#[server(…)]` on an impl, or name the crate: `#[master(include(crate_name))]`";

/// A program: a master with its servers.
///
/// Its options are defaults; the configuration overrides them.
///
/// ```no_run
/// # use runner::{App, Lifecycle, Server, Term, http};
/// # struct Api;
/// # impl Lifecycle for Api {}
/// # impl http::Handler for Api {}
/// fn main() -> std::process::ExitCode {
///     App::new()
///         .pid_file("/run/app.pid")
///         .term(Term::Graceful)
///         .server(Server::http(Api).bind("127.0.0.1:8080"))
///         .run()
/// }
/// ```
pub struct App {
    options: MasterOptions,
    place: &'static Location<'static>,
    servers: Vec<Server>,
    hooks: Box<dyn Hooks>,
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
            hooks: Box::new(()),
        }
    }

    /// Adds a server.
    #[must_use]
    pub fn server(mut self, server: Server) -> Self {
        self.servers.push(server);
        self
    }

    /// Takes the place of the caller for that of the declaration, in messages.
    #[doc(hidden)]
    #[must_use]
    #[track_caller]
    pub fn declared_here(mut self) -> Self {
        self.place = Location::caller();
        self
    }

    /// Sets the hooks of the master.
    #[must_use]
    pub fn hooks(mut self, hooks: impl Hooks) -> Self {
        self.hooks = Box::new(hooks);
        self
    }

    /// Reads the command line and does what it says.
    ///
    /// Errors are printed, all of them. The exit code is 0 for success, 1 when the program could
    /// not be started, stopped or reloaded, and 2 for a wrong command line or configuration.
    ///
    /// To be called while the process has one thread: the master forks its workers.
    #[must_use]
    pub fn run(self) -> ExitCode {
        if let Some(handed_over) = HandedOver::receive() {
            return ExitCode::from(self.go_on(handed_over));
        }
        let invocation = match cli::parse(std::env::args_os()) {
            Ok(invocation) => invocation,
            Err(error) => {
                // Nothing can be done about an output that is gone.
                let _ = error.print();
                return ExitCode::from(if error.use_stderr() { EXIT_USAGE } else { 0 });
            }
        };
        match self.obey(invocation) {
            Ok(code) => ExitCode::from(code),
            Err(Failure { code, message }) => {
                eprintln!("{message}");
                ExitCode::from(code)
            }
        }
    }

    fn obey(self, invocation: Invocation) -> Result<u8, Failure> {
        let Invocation { program, verb, config_file, overrides } = invocation;
        let sources = sources(program, &verb, config_file, overrides)?;
        if self.servers.is_empty() {
            return Err(Failure::usage(NO_SERVER));
        }
        let config = self.config(&sources)?;
        match verb {
            Verb::ConfigShow => print(config.to_string().trim_end()),
            Verb::ConfigCheck => print("ok"),
            Verb::Run | Verb::Start => return self.serve(config, sources),
            Verb::Control(verb) => control::perform(verb, &config).map_err(Failure::run)?,
        }
        Ok(0)
    }

    fn serve(self, config: Config, sources: Sources) -> Result<u8, Failure> {
        log_to_stderr(redirects_errors(&config))?;
        fork::check_threads().map_err(|error| Failure::run(error.to_string()))?;
        let serve = self.servers.iter().map(|server| server.serve.clone()).collect();
        let prepared = prepare(config, serve).map_err(|errors| Failure::run(errors.join("\n")))?;
        master::run(prepared, self.into_program(sources.again())).map_err(Failure::run)
    }

    fn into_program(mut self, sources: Sources) -> master::Program {
        let hooks = std::mem::replace(&mut self.hooks, Box::new(()));
        let directory = sources.context.directory.clone();
        let source = Box::new(move || self.config(&sources));
        master::Program { hooks, source, directory }
    }

    fn config(&self, sources: &Sources) -> Result<Config, ConfigErrors> {
        let servers = self.servers.iter().map(|server| DeclaredServer {
            kind: server.kind,
            name: server.name.clone(),
            options: &server.options,
            place: server.place,
        });
        let declared =
            Declared { master: &self.options, place: self.place, servers: servers.collect() };
        config::load(&declared, sources)
    }
}

/// Where the configuration comes from.
fn sources(
    program: String,
    verb: &Verb,
    config_file: Option<PathBuf>,
    mut overrides: Vec<Override>,
) -> Result<Sources, ConfigErrors> {
    if *verb == Verb::Start {
        overrides.push(Override::daemonize());
    }
    Sources::of_process(program, config_file, overrides)
}

/// Why the program ends without having run.
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    fn usage(message: impl Into<String>) -> Self {
        Self { code: EXIT_USAGE, message: message.into() }
    }

    fn run(message: impl Into<String>) -> Self {
        Self { code: EXIT_FAILURE, message: message.into() }
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::usage(errors.to_string())
    }
}

/// Prints the outcome of a verb. A closed pipe behind it is no reason to fail.
fn print(text: impl Display) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Whether what the program logs may end in a file.
fn redirects_errors(config: &Config) -> bool {
    config.master.stderr.is_some()
        || config.master.daemonize.value
        || config.servers.iter().any(|server| server.settings.stderr.is_some())
}

/// Logs to standard error, unless the program has set up a log of its own. `RUNNER_LOG` filters:
/// `warn`, `runner=debug`, … (default: `info`).
fn log_to_stderr(redirected: bool) -> Result<(), Failure> {
    let filter = std::env::var("RUNNER_LOG").unwrap_or_else(|_| "info".to_owned());
    let filter = EnvFilter::try_new(&filter)
        .map_err(|error| Failure::usage(format!("`{filter}`: {error} (from RUNNER_LOG)")))?;
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && !redirected)
        .with_target(false)
        // They would go to standard error too, by a macro that panics when nobody reads it.
        .log_internal_errors(false)
        .try_init();
    Ok(())
}

impl Default for App {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

/// A server: a protocol, its handler and its options.
///
/// The options are defaults; the configuration overrides them.
///
/// ```
/// use runner::http::{Conn, Handler, IntoResponse, Request, Response};
/// use runner::{Lifecycle, Server, Worker, Workers};
/// use std::time::Duration;
///
/// struct Api {
///     slot: u32,
/// }
/// impl Lifecycle for Api {}
/// impl Handler for Api {
///     async fn request(&self, _request: Request, _conn: &Conn) -> Response {
///         format!("worker {}\n", self.slot).into_response()
///     }
/// }
///
/// let server = Server::http_with(|worker: Worker| async move { Ok(Api { slot: worker.slot() }) })
///     .bind(["127.0.0.1:8080", "[::1]:8080"])
///     .workers(Workers::Auto)
///     .drain_timeout(Duration::from_secs(10));
/// ```
pub struct Server {
    kind: Kind,
    name: String,
    options: ServerOptions,
    place: &'static Location<'static>,
    serve: Arc<dyn Serve>,
}

impl Server {
    /// An http server whose workers each serve a copy of `handler`, made by the fork.
    #[track_caller]
    pub fn http<H: http::Handler>(handler: H) -> Self {
        Self::http_with(copy_of(handler))
    }

    /// An http server whose handler each worker constructs for itself, after the fork and the
    /// change of user. An error of it is a failed start of the worker.
    #[track_caller]
    pub fn http_with<H, F, Fut>(constructor: F) -> Self
    where
        H: http::Handler,
        F: Fn(Worker) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<H>> + Send + 'static,
    {
        Self::declared::<H>(Kind::Http, Arc::new(http::Http(constructor)))
    }

    /// A tcp server whose workers each serve a copy of `handler`, made by the fork.
    #[track_caller]
    pub fn tcp<H: tcp::Handler>(handler: H) -> Self {
        Self::tcp_with(copy_of(handler))
    }

    /// A tcp server whose handler each worker constructs for itself, after the fork and the
    /// change of user. An error of it is a failed start of the worker.
    #[track_caller]
    pub fn tcp_with<H, F, Fut>(constructor: F) -> Self
    where
        H: tcp::Handler,
        F: Fn(Worker) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<H>> + Send + 'static,
    {
        Self::declared::<H>(Kind::Tcp, Arc::new(tcp::Tcp(constructor)))
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

    /// Where it is declared.
    pub(crate) fn place(&self) -> (&'static str, u32) {
        (self.place.file(), self.place.line())
    }

    #[track_caller]
    fn declared<H: Lifecycle>(kind: Kind, serve: Arc<dyn Serve>) -> Self {
        Self {
            kind,
            serve,
            name: default_name(H::type_name()),
            options: ServerOptions::default(),
            place: Location::caller(),
        }
    }
}

/// A constructor that hands out a handler made before the fork: each worker takes the copy in its
/// own memory, while the master keeps its own for the next fork.
fn copy_of<H: Send + 'static>(handler: H) -> impl Fn(Worker) -> Ready<Result<H>> + Send + Sync {
    let handler = Mutex::new(Some(handler));
    move |_worker| {
        let taken = handler.lock().unwrap_or_else(PoisonError::into_inner).take();
        std::future::ready(taken.ok_or_else(|| Error::msg("the handler is taken already")))
    }
}

/// A setter for each row of a table of options.
macro_rules! setters {
    ($owner:ident:
        $($(#[doc = $doc:literal])+
        $name:ident $(= $path:literal)? ($argument:ty): $value:ty, $absent:ident $text:literal, [$($kind:ident),*];)+
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
