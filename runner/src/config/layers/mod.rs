//! The layers above the declaration: each is read into settings that are sorted by section.

mod command_line;
mod environment;
mod file;

pub(crate) use command_line::Override;
pub(super) use file::default_file;

use super::section::Setting;
use super::suggest::suggestion;
use super::{ConfigErrors, Origin, Sources};

/// The settings of all layers, by section, lowest layer first.
#[derive(Debug)]
pub(super) struct Layers {
    pub(super) master: Vec<Setting>,
    /// Of each server, in the order of the declaration.
    pub(super) servers: Vec<Vec<Setting>>,
    keys: Vec<String>,
}

impl Layers {
    pub(super) fn read(sources: &Sources, keys: Vec<String>, errors: &mut ConfigErrors) -> Self {
        let servers = keys.iter().map(|_| Vec::new()).collect();
        let mut layers = Self { master: Vec::new(), servers, keys };
        file::read(sources, &mut layers, errors);
        environment::read(&sources.environment, &mut layers, errors);
        command_line::read(&sources.overrides, &mut layers, errors);
        layers
    }

    /// The settings of the server called `key`; it is an error when there is none.
    fn server(
        &mut self,
        key: &str,
        origin: &Origin,
        errors: &mut ConfigErrors,
    ) -> Option<&mut Vec<Setting>> {
        let position = self.keys.iter().position(|known| known == key);
        if position.is_none() {
            let known = self.keys.iter().map(String::as_str);
            let message = format!("unknown server; {}", suggestion(key, known));
            errors.push(format!("server.{key}"), message, Some(origin.clone()));
        }
        self.servers.get_mut(position?)
    }
}
