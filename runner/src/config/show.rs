//! The whole configuration as text that is itself a configuration file.

use super::options::{Absent, Row};
use super::{Config, Origin, Sourced};
use std::fmt;

/// An option with its value and origin, when it has one.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) row: &'static Row,
    /// As it is written in the configuration file.
    pub(crate) value: Option<(String, &'a Origin)>,
}

/// What `config show` prints.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[master]\n")?;
        lines(f, &self.master.lines())?;
        for server in &self.servers {
            let (kind, origin) = (server.kind, &server.name.origin);
            writeln!(f, "\n[server.{}]  # {kind}, {origin}", server.key)?;
            lines(f, &server.lines())?;
        }
        Ok(())
    }
}

fn lines(f: &mut fmt::Formatter<'_>, lines: &[Line<'_>]) -> fmt::Result {
    let settings: Vec<(String, String)> = lines.iter().map(columns).collect();
    let width = settings.iter().map(|(setting, _)| setting.chars().count());
    let width = width.max().unwrap_or_default();
    for (setting, comment) in settings {
        writeln!(f, "{setting:width$}  # {comment}")?;
    }
    Ok(())
}

fn columns(line: &Line<'_>) -> (String, String) {
    let name = line.row.name;
    match (&line.value, line.row.absent) {
        (Some((value, origin)), _) => (format!("{name} = {value}"), origin.to_string()),
        (None, Absent::Unset(meaning) | Absent::Program(meaning)) => {
            (format!("# {name}"), format!("not set: {meaning}"))
        }
        (None, _) => (format!("# {name}"), "not set".to_owned()),
    }
}

/// The two ways a settled value is stored, seen as one.
pub(super) trait AsOption<T> {
    fn as_option(&self) -> Option<&Sourced<T>>;
}

impl<T> AsOption<T> for Sourced<T> {
    fn as_option(&self) -> Option<&Self> {
        Some(self)
    }
}

impl<T> AsOption<T> for Option<Sourced<T>> {
    fn as_option(&self) -> Option<&Sourced<T>> {
        self.as_ref()
    }
}
