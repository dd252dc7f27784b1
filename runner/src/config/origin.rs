//! Where a value comes from.

use super::error::printable;
use std::fmt;
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sourced<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

/// The layer, and the place in it, that a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    /// The attribute or the builder.
    Declared(&'static Location<'static>),
    /// The configuration file, its path as it was given; line and column count from 1.
    File {
        path: Arc<Path>,
        line: usize,
        column: usize,
    },
    /// The name of the variable.
    Environment(String),
    /// The name of the option, with its dashes.
    CommandLine(String),
}

impl Origin {
    /// How an error message ends: `from …` or `declared at …`.
    pub(crate) fn clause(&self) -> String {
        match self {
            Self::Declared(_) => self.to_string(),
            _ => format!("from {self}"),
        }
    }

    /// Whether it is a lower layer than that of `other`, which overrides it.
    pub(crate) fn is_below(&self, other: &Self) -> bool {
        self.layer() < other.layer()
    }

    fn layer(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::Declared(_) => 1,
            Self::File { .. } => 2,
            Self::Environment(_) => 3,
            Self::CommandLine(_) => 4,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Declared(place) => write!(f, "declared at {}:{}", place.file(), place.line()),
            Self::File { path, line, column } => {
                write!(f, "{}:{line}:{column}", printable(&path.to_string_lossy()))
            }
            Self::Environment(name) | Self::CommandLine(name) => f.write_str(&printable(name)),
        }
    }
}
