//! The environment: `RUNNER_MASTER__OPTION`, `RUNNER_SERVER_NAME__OPTION`, and for the options of a
//! table `RUNNER_SERVER_NAME__TABLE__OPTION`.

use super::Layers;
use crate::config::section::Setting;
use crate::config::value::Raw;
use crate::config::{ConfigErrors, Origin};
use std::ffi::OsString;

/// Not an option: what the program logs.
const LOG: &str = "LOG";

pub(super) fn read(
    environment: &[(OsString, OsString)],
    layers: &mut Layers,
    errors: &mut ConfigErrors,
) {
    for (name, value) in environment {
        let name = name.to_string_lossy();
        let Some(rest) = name.strip_prefix("RUNNER_").filter(|rest| ours(rest)) else {
            continue;
        };
        let origin = Origin::Environment(name.clone().into_owned());
        let Some((section, option)) = split(rest) else {
            errors.push(name.as_ref(), FORM, None);
            continue;
        };
        let settings = match section {
            Section::Master => &mut layers.master,
            Section::Server(key) => match layers.server(&key, &origin, errors) {
                Some(settings) => settings,
                None => continue,
            },
        };
        let Some(value) = value.to_str() else {
            errors.push(name.as_ref(), "the value is not UTF-8", None);
            continue;
        };
        settings.push(Setting { option, value: Raw::Text(value.to_owned()), origin });
    }
}

enum Section {
    Master,
    Server(String),
}

const FORM: &str = "not the name of an option; write `RUNNER_MASTER__OPTION` or `RUNNER_SERVER_NAME__OPTION`, \
                    in upper case";

/// Whether the variable is meant for this program. Others begin with `RUNNER_` too:
/// on the machines of GitHub's CI `RUNNER_NAME`, `RUNNER_OS`, `RUNNER_TEMP` and more are set.
fn ours(rest: &str) -> bool {
    let section = rest.starts_with("MASTER") || rest.starts_with("SERVER");
    rest != LOG && (section || rest.contains("__"))
}

fn split(rest: &str) -> Option<(Section, String)> {
    let (section, option) = rest.split_once("__")?;
    if rest.contains(|letter: char| letter.is_lowercase()) {
        return None;
    }
    let option = option.to_lowercase().replace("__", ".");
    if section == "MASTER" {
        return Some((Section::Master, option));
    }
    let key = section.strip_prefix("SERVER_")?;
    Some((Section::Server(key.to_lowercase()), option))
}
