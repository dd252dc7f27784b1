//! Programs, layers, and what comes of them.

mod difference;
mod faults;
mod layers;
mod noise;
mod supervision;

use super::*;
use crate::spec::Addresses;
use std::path::Path;

/// A program and the layers above it.
#[derive(Default)]
struct Setup {
    master: MasterOptions,
    /// Kind, name, options.
    servers: Vec<(Kind, String, ServerOptions)>,
    /// The text of `runner.toml`, if there is one.
    file: Option<Vec<u8>>,
    /// `NAME=VALUE`.
    environment: Vec<String>,
    /// `--NAME=VALUE`.
    command_line: Vec<String>,
    /// Whether they are read once more.
    again: bool,
}

impl Setup {
    fn server(mut self, kind: Kind, name: &str, bind: &str) -> Self {
        let options =
            ServerOptions { bind: Some(Addresses::from(bind)), ..ServerOptions::default() };
        self.servers.push((kind, name.to_owned(), options));
        self
    }

    fn file(mut self, text: &str) -> Self {
        self.file = Some(text.as_bytes().to_vec());
        self
    }

    fn environment(mut self, variable: &str) -> Self {
        self.environment.push(variable.to_owned());
        self
    }

    fn command_line(mut self, option: &str) -> Self {
        self.command_line.push(option.to_owned());
        self
    }

    fn load(&self) -> Result<Config, ConfigErrors> {
        let directory = tempfile::tempdir().expect("a directory");
        if let Some(text) = &self.file {
            std::fs::write(directory.path().join("runner.toml"), text).expect("written");
        }
        self.load_in(directory.path(), None)
    }

    fn load_in(&self, directory: &Path, file: Option<&str>) -> Result<Config, ConfigErrors> {
        let servers = self.servers.iter().map(|(kind, name, options)| DeclaredServer {
            kind: *kind,
            name: name.clone(),
            options,
            place: place(),
        });
        let declared =
            Declared { master: &self.master, place: place(), servers: servers.collect() };
        let pair = |text: &String| {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            (name.to_owned(), OsString::from(value))
        };
        let variables = self.environment.iter().map(pair);
        let overrides = self.command_line.iter().map(pair);
        let sources = Sources {
            file: file.map(PathBuf::from),
            text: None,
            environment: variables.map(|(name, value)| (name.into(), value)).collect(),
            overrides: overrides.map(|(name, value)| Override { name, value }).collect(),
            context: Context {
                directory: directory.to_owned(),
                program: "demo".to_owned(),
                cores: 8,
            },
            again: self.again,
        };
        load(&declared, &sources)
    }

    /// The errors, each place of a declaration written as `PLACE`.
    fn errors(&self) -> String {
        let errors = self.load().expect_err("no errors");
        assert_eq!(errors.to_string().lines().count(), errors.len());
        errors.to_string().replace(&place_text(), "PLACE")
    }
}

fn place() -> &'static Location<'static> {
    #[track_caller]
    fn here() -> &'static Location<'static> {
        Location::caller()
    }
    here()
}

fn place_text() -> String {
    format!("{}:{}", place().file(), place().line())
}

fn two_servers() -> Setup {
    Setup::default().server(Kind::Tcp, "echo", "127.0.0.1:9502").server(
        Kind::Http,
        "Http server",
        "127.0.0.1:9501",
    )
}
