//! Lists of capabilities.

use super::{Context, OptionValue, Raw, quoted, toml_string, unexpected};
use crate::config::suggest::closest;
use crate::spec::Capability;

/// Names of capabilities; in text they are separated by commas. None is a list too.
pub(crate) struct Capabilities;

impl OptionValue for Capabilities {
    type Declared = Vec<Capability>;
    type Value = Vec<Capability>;

    fn parse(raw: &Raw) -> Result<Vec<Capability>, String> {
        let mut faults = Vec::new();
        let mut capabilities = Vec::new();
        for name in names(raw)? {
            match Capability::named(name) {
                Some(capability) => capabilities.push(capability),
                None => faults.push(unknown(name)),
            }
        }
        if faults.is_empty() { Ok(capabilities) } else { Err(faults.join("; ")) }
    }

    fn validate(capabilities: Vec<Capability>, _: &Context) -> Result<Vec<Capability>, String> {
        let twice =
            (1..capabilities.len()).find(|&at| capabilities[..at].contains(&capabilities[at]));
        match twice {
            Some(at) => Err(format!("`{}` stands in the list twice", capabilities[at])),
            None => Ok(capabilities),
        }
    }

    fn render(capabilities: &Vec<Capability>) -> String {
        let names: Vec<String> =
            capabilities.iter().map(|capability| toml_string(capability.name())).collect();
        format!("[{}]", names.join(", "))
    }
}

fn names(raw: &Raw) -> Result<Vec<&str>, String> {
    match raw {
        Raw::Text(text) if text.trim().is_empty() => Ok(Vec::new()),
        Raw::Text(text) => Ok(text.split(',').map(str::trim).collect()),
        Raw::String(name) => Ok(vec![name]),
        Raw::List(items) => items.iter().map(item).collect(),
        _ => Err(unexpected("a list of capabilities such as [\"net_bind_service\"]", raw)),
    }
}

fn item(raw: &Raw) -> Result<&str, String> {
    match raw {
        Raw::String(name) => Ok(name),
        _ => Err(unexpected("a list of strings", raw)),
    }
}

fn unknown(name: &str) -> String {
    let meant = name.to_ascii_lowercase();
    let meant = meant.strip_prefix("cap_").unwrap_or(&meant);
    let known = Capability::ALL.iter().map(|capability| capability.name());
    let name = quoted(name);
    match closest(meant, known) {
        Some(known) => format!("unknown capability {name}; did you mean `{known}`?"),
        None => format!("unknown capability {name}; capabilities(7) lists them"),
    }
}
