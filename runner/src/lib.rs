//! Network servers for Linux that run as a master and its workers.
//!
//! A struct handles HTTP requests or TCP data, one attribute on its `impl` makes it a server, and
//! the program that comes out opens the sockets, forks workers, watches them, replaces those that
//! die, and is stopped, drained, restarted and reloaded by signals or by its own command line.
//!
//! ```no_run
//! use runner::prelude::*;
//!
//! #[derive(Default)]
//! struct Hello;
//!
//! #[server(http, bind = "0.0.0.0:9501", workers = 10)]
//! impl Hello {
//!     async fn request(&self, _request: Request) -> &'static str {
//!         "Hi Http client.\n"
//!     }
//! }
//! ```
//!
//! That is a whole program: the attribute registers the server when it is linked and imports
//! [`main`]. Attributes may stand in any file; when none stands in the root of the program, write
//! `use runner::main;` there. See [`server`] for the kinds, events and options of servers, and
//! [`master`] for those of the process that supervises them.
//!
//! The attributes expand to a builder, which does the same without them:
//!
//! ```no_run
//! use bytes::Bytes;
//! use runner::{App, Lifecycle, Result, Server, tcp};
//! use std::process::ExitCode;
//!
//! struct Echo;
//! impl Lifecycle for Echo {}
//! impl tcp::Handler for Echo {
//!     async fn receive(&self, conn: &tcp::Conn, data: Bytes) -> Result {
//!         Ok(conn.send(data).await?)
//!     }
//! }
//!
//! fn main() -> ExitCode {
//!     App::new()
//!         .server(Server::tcp(Echo).bind("127.0.0.1:9502").workers(5))
//!         .run()
//! }
//! ```
//!
//! # Processes
//!
//! The *master* has one thread and no async runtime. Each server has *slots*, numbered places, and
//! in each slot runs a *worker*, a process with a runtime of its own. A worker is *ready* when its
//! handler has been constructed. On a reload a new worker, of the next *generation*, is ready
//! before the old one of its slot *drains*: finishes what is in flight, and exits.
//!
//! Threads and runtimes do not survive a fork, so nothing may start one before; what a handler
//! needs is made in `worker_start`.
//!
//! # Configuration
//!
//! Every option can be overridden, without a word of code, by `runner.toml` in the directory where
//! the program is started, by the environment (`RUNNER_SERVER_HELLO__WORKERS=4`) and on the command
//! line (`--server.hello.workers=4`), the last being the strongest. `config show` prints what holds
//! and where it comes from.
//!
//! # Signals
//!
//! INT and TERM stop at once, QUIT stops after a drain, USR1 restarts all workers at once, USR2
//! reloads them. A further INT, TERM or QUIT makes a stop faster.

#![deny(unsafe_code)]

mod app;
mod arguments;
mod cli;
mod config;
mod control;
mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod hooks;
mod listener;
mod master;
#[allow(unsafe_code, reason = "system calls that no library wraps safely")]
mod os;
pub mod prelude;
mod registry;
mod scoreboard;
mod server;
mod spec;
mod supervisor;
mod title;
mod worker;

#[doc(hidden)]
pub mod __private;

pub use app::{App, Server};
pub use error::{Error, Result};
pub use hooks::{Hooks, Master, ServerInfo, WorkerExit};
pub use registry::main;
/// Declares a master: the options and the hooks of the process that supervises the servers.
///
/// It stands on a struct without fields, or on an `impl` of one whose methods are hooks. A program
/// needs none, and has at most one.
///
/// ```no_run
/// use runner::prelude::*;
///
/// struct App;
///
/// #[master(pid_file = "/run/app.pid", term = "graceful")]
/// impl App {
///     fn start(&self, master: &Master) {
///         println!("{} is ready", master.name());
///     }
///
///     fn worker_exit(&self, exit: &WorkerExit) {
///         println!("{exit}");
///     }
/// }
/// ```
///
/// # Hooks
///
/// Hooks are not async, for the master has no runtime. They take what they need of the arguments, in
/// any order, and return nothing or a `Result<()>`. Nothing is supervised while one of them runs.
///
/// | hook | arguments | called |
/// |---|---|---|
/// | `preload` | none | before the first worker is made, so that what it loads is shared by all of them; an error stops the program |
/// | `start` | `&Master` | when every worker of every server is ready; an error stops the program |
/// | `worker_exit` | `&WorkerExit`, `&Master` | when a worker has ended, for whatever reason |
/// | `stop` | `&Master` | when every worker is gone, if `start` was called |
///
/// # Options
///
/// `name`, `pid_file`, `daemonize`, `working_directory`, `umask`, `stdin`, `stdout`, `stderr`, `term`,
/// `spawn` and `control` are those of [`App`], where each is described. Three more stand only here:
///
/// - `servers(A, B)` – these servers and no others, instead of everything that is linked;
/// - `include(a_crate)` – links a crate whose servers nothing else names;
/// - `crate = path` – where `runner` is found, if it has another name.
pub use runner_macros::master;
/// Makes a type a server: `#[server(KIND, bind = "…", …)]` on its `impl`.
///
/// The methods of the block are the events of the server, and nothing else may stand in it, so that
/// a misspelt event is an error. The server is registered when the crate is linked, and [`main`] is
/// imported next to the block.
///
/// ```no_run
/// use runner::prelude::*;
///
/// struct Echo {
///     greeting: String,
/// }
///
/// #[server(tcp, bind = "127.0.0.1:9502", workers = 5, receive_buffer = "16KiB")]
/// impl Echo {
///     async fn worker_start(worker: &Worker) -> Result<Self> {
///         let greeting = format!("hello from worker {}\n", worker.slot());
///         Ok(Self { greeting })
///     }
///
///     async fn connect(&self, conn: &Conn) -> Result<()> {
///         Ok(conn.send(self.greeting.clone()).await?)
///     }
///
///     async fn receive(&self, conn: &Conn, data: Bytes) -> Result<()> {
///         Ok(conn.send(data).await?)
///     }
/// }
/// ```
///
/// # Events
///
/// Events are `async`, take `&self`, and of the arguments what they need: each is chosen by its type,
/// in any order. A `Result` may have any error that converts into [`Error`].
///
/// | event | arguments | returns |
/// |---|---|---|
/// | http: `request` | [`http::Request`], [`&http::Conn`](http::Conn), [`&Worker`](Worker), [`Address`] of the client, and what axum extracts without state: `Method`, `Uri`, `HeaderMap`, `String`, `Bytes`, … | anything that is [`http::IntoResponse`] |
/// | http: `service`, instead of `request` | [`&Worker`](Worker) | a tower service such as an `axum::Router` |
/// | http: `connect_full` | [`&http::Conn`](http::Conn), [`&Worker`](Worker) | anything that is [`http::IntoResponse`] |
/// | tcp: `receive` | [`&tcp::Conn`](tcp::Conn), `Bytes`, [`&Worker`](Worker) | nothing or a `Result<()>` |
/// | tcp: `connect_full` | [`&tcp::Conn`](tcp::Conn), [`&Worker`](Worker) | nothing or a `Result<()>` |
/// | `connect`, `close` | the connection, [`&Worker`](Worker) | nothing or a `Result<()>` |
/// | `error` | the connection, [`&Error`](Error), [`&Worker`](Worker) | nothing or a `Result<()>` |
/// | `worker_start`, without `self` | [`&Worker`](Worker) | `Self` or a `Result<Self>` |
/// | `drain`, `worker_stop` | [`&Worker`](Worker) | nothing or a `Result<()>` |
///
/// An http server must have `request` or `service`, a tcp server `receive`. `worker_start` is the
/// constructor, which runs in the worker; without it the type must be [`Default`]. What each event
/// means is said at [`http::Handler`], [`tcp::Handler`] and [`Lifecycle`].
///
/// # Options
///
/// Those of [`Server`], where each is described, and all of them defaults that the configuration
/// overrides. `bind` is required. Durations are written `"30s"` (`ms`, `s`, `m`, `h`), sizes
/// `"64KiB"`, the number of workers `4`, `auto` or `"4..=16"`, a share of them `2` or `"25%"`, several
/// addresses or capabilities `["…", "…"]`, cores `"0-3,8"`, and limits of resources
/// `rlimits(nofile = 65536, core = "unlimited")`; all of it is checked when the program is compiled.
/// `crate = path` says where `runner` is found, if it has
/// another name.
///
/// The kinds `websocket`, `unix` and `udp` and some options are reserved: writing one is an error.
pub use runner_macros::server;
pub use server::{Connection, Lifecycle, Worker, http, tcp};
pub use spec::{
    Accept, Address, Addresses, Capability, CpuAffinity, ExitStatus, Kind, Limit, NoAddress, Share,
    Spawn, Term, Workers,
};
