//! Registration at link time, and the `main` that programs import.

use crate::app::{App, Server};
use linkme::distributed_slice;
use std::process::ExitCode;

/// A server that an attribute registered.
pub struct ServerEntry {
    /// Builds it with the options of the attribute.
    pub build: fn() -> Server,
}

/// The master that an attribute registered.
pub struct MasterEntry {
    /// Applies the options and hooks of the attribute.
    pub build: fn(App) -> App,
    /// The exact list of servers, when the attribute has one.
    pub servers: Option<&'static [&'static ServerEntry]>,
}

/// A type with a `#[server]` attribute.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a server",
    label = "no `#[server(…)]` on any `impl {Self}` block"
)]
pub trait Registered {
    /// What the attribute registered.
    const ENTRY: &'static ServerEntry;
    /// The addresses that the attribute writes as literals.
    const ADDRESSES: &'static [&'static str];
}

/// Whether no address is in both lists. Port 0 is a new port each time.
#[doc(hidden)]
#[must_use]
pub const fn distinct(one: &[&str], other: &[&str]) -> bool {
    let mut i = 0;
    while i < one.len() {
        let mut j = 0;
        while j < other.len() {
            if same_address(one[i].as_bytes(), other[j].as_bytes()) {
                return false;
            }
            j += 1;
        }
        i += 1;
    }
    true
}

const fn same_address(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut i = 0;
    while i < one.len() {
        if one[i] != other[i] {
            return false;
        }
        i += 1;
    }
    !matches!(one, [.., b':', b'0'])
}

/// Every `#[server]` that is linked into the program.
#[distributed_slice]
pub static SERVERS: [&'static ServerEntry];

/// Every `#[master]` that is linked into the program.
#[distributed_slice]
pub static MASTERS: [&'static MasterEntry];

/// The `main` of a program whose servers are declared with attributes.
///
/// The attributes import it into the module they stand in. A program whose attributes all stand in
/// other modules than its root imports it there: `use runner::main;`.
#[must_use]
pub fn main() -> ExitCode {
    let mut masters = MASTERS.iter();
    let master = masters.next();
    if masters.next().is_some() {
        eprintln!("more than one `#[master]` is linked into this program; keep one of them");
        return ExitCode::from(2);
    }
    let app = App::new();
    let (app, listed) = match master {
        Some(master) => ((master.build)(app), master.servers),
        None => (app, None),
    };
    let registered = || {
        let mut servers: Vec<Server> = SERVERS.iter().map(|entry| (entry.build)()).collect();
        // The linker's order says nothing and changes with the profile.
        servers.sort_by_key(Server::place);
        servers
    };
    let servers = listed
        .map_or_else(registered, |listed| listed.iter().map(|entry| (entry.build)()).collect());
    servers.into_iter().fold(app, App::server).run()
}
