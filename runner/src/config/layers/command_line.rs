//! The command line: `--master.OPTION=VALUE`, `--server.NAME.OPTION=VALUE`, and for the options of a
//! table `--server.NAME.TABLE.OPTION=VALUE`.

use super::Layers;
use crate::config::section::Setting;
use crate::config::value::Raw;
use crate::config::{ConfigErrors, Origin};
use std::ffi::OsString;

/// An option of the command line that overrides one of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Override {
    /// With its dashes: `--server.echo.workers`.
    pub(crate) name: String,
    pub(crate) value: OsString,
}

impl Override {
    /// What the verb `start` means.
    pub(crate) fn daemonize() -> Self {
        Self { name: "--master.daemonize".to_owned(), value: "true".into() }
    }
}

pub(super) fn read(overrides: &[Override], layers: &mut Layers, errors: &mut ConfigErrors) {
    for Override { name, value } in overrides {
        let origin = Origin::CommandLine(name.clone());
        let (section, rest) = name.trim_start_matches('-').split_once('.').unwrap_or_default();
        let (settings, option) = match (section, rest.split_once('.')) {
            ("master", _) => (&mut layers.master, rest),
            ("server", Some((key, option))) => match layers.server(key, &origin, errors) {
                Some(settings) => (settings, option),
                None => continue,
            },
            _ => {
                let message = "not the name of an option; write `--master.OPTION=VALUE` or `--server.NAME.OPTION=VALUE`";
                errors.push(name, message, None);
                continue;
            }
        };
        let Some(value) = value.to_str() else {
            errors.push(name, "the value is not UTF-8", None);
            continue;
        };
        settings.push(Setting {
            option: option.to_owned(),
            value: Raw::Text(value.to_owned()),
            origin,
        });
    }
}
