//! Arbitrary text in each layer of the configuration.

use super::directory::Directory;
use crate::config::{
    Context, Declared, DeclaredServer, MasterOptions, Override, ServerOptions, Sources, load,
};
use crate::spec::{Addresses, Kind};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::panic::Location;
use std::path::Path;

/// The contents of the file, then variables and options, each after a byte of zero and written
/// `NAME=VALUE`; what begins with a dash is an option of the command line.
pub fn configuration(data: &[u8]) {
    let mut parts = data.split(|byte| *byte == 0);
    let file = parts.next().unwrap_or_default();
    let (options, variables): (Vec<_>, Vec<_>) =
        parts.map(pair).partition(|(name, _)| name.as_bytes().starts_with(b"-"));
    let overrides = options
        .into_iter()
        .map(|(name, value)| Override { name: name.to_string_lossy().into_owned(), value });
    let overrides = overrides.collect();
    Directory::with(|directory| {
        std::fs::write(directory.join("runner.toml"), file).expect("written");
        check(&sources(directory, variables, overrides));
    });
}

fn pair(text: &[u8]) -> (OsString, OsString) {
    let end = text.iter().position(|byte| *byte == b'=').unwrap_or(text.len());
    let value = text.get(end + 1..).unwrap_or_default();
    (OsStr::from_bytes(&text[..end]).to_owned(), OsStr::from_bytes(value).to_owned())
}

fn sources(
    directory: &Path,
    environment: Vec<(OsString, OsString)>,
    overrides: Vec<Override>,
) -> Sources {
    let context = Context { directory: directory.to_owned(), program: "demo".to_owned(), cores: 8 };
    Sources { file: None, text: None, environment, overrides, context, again: false }
}

/// There is a configuration of both servers, or there are errors, each with its line; the next time the same.
fn check(sources: &Sources) {
    let bound = |address: &str| ServerOptions {
        bind: Some(Addresses::from(address)),
        ..ServerOptions::default()
    };
    let (web, echo) = (bound("127.0.0.1:9501"), bound("127.0.0.1:9502"));
    let place = Location::caller();
    let server =
        |kind, name: &str, options| DeclaredServer { kind, name: name.to_owned(), options, place };
    let declared = Declared {
        master: &MasterOptions::default(),
        place,
        servers: vec![server(Kind::Http, "web", &web), server(Kind::Tcp, "echo", &echo)],
    };
    let again = load(&declared, sources).map_err(|errors| errors.to_string());
    match load(&declared, sources) {
        Ok(config) => {
            assert_eq!(config.servers.len(), 2);
            assert_eq!(Ok(config), again);
        }
        Err(errors) => {
            let text = errors.to_string();
            assert!(!text.is_empty() && text.lines().all(|line| !line.is_empty()), "{text}");
            assert_eq!(Err(text), again);
        }
    }
}
