//! The types of option values: how each is read, checked and shown.

mod absence;
mod address;
mod capabilities;
mod cores;
mod number;
mod quantity;
mod text;
mod workers;

pub(crate) use absence::{Cap, ResourceLimit, Switchable};
pub(crate) use address::AddressList;
pub(crate) use capabilities::Capabilities;
pub(crate) use number::{Number, Octal};
pub(crate) use quantity::{HOUR, Size, Time};
pub(crate) use text::{AbsolutePath, Choice, FilePath, SOCKET_PATH_MAX, SocketPath, Switch, Text};
pub(crate) use workers::WorkerCount;

use super::error::printable;
use std::fmt;
use std::path::PathBuf;

/// The type of an option's value.
///
/// An error is the message alone; the caller knows the option and the origin.
pub(crate) trait OptionValue {
    /// What the setter of the builder stores.
    type Declared: Clone;
    /// What the program works with.
    type Value;

    /// Reads a value of the file, the environment or the command line.
    fn parse(raw: &Raw) -> Result<Self::Declared, String>;

    /// Checks the bounds, and resolves what depends on the process.
    fn validate(declared: Self::Declared, context: &Context) -> Result<Self::Value, String>;

    /// The value as it would be written in the configuration file.
    fn render(value: &Self::Value) -> String;
}

/// What the values of a process depend on beside its configuration.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// The directory that the program was started in.
    pub(crate) directory: PathBuf,
    /// The name of the program.
    pub(crate) program: String,
    /// Cores that the process may use, at least 1: see [`Sources::of_process`](super::Sources).
    pub(crate) cores: usize,
}

/// A value as a layer has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Raw {
    /// Text that can be of any type: a variable or a command-line option.
    Text(String),
    String(String),
    Integer {
        value: i128,
        radix: u32,
    },
    Boolean(bool),
    List(Vec<Self>),
    /// Of a type that no option has, named with its article.
    Other(&'static str),
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::String(text) => write!(f, "the string {}", quoted(text)),
            Self::Integer { value, .. } => value.fmt(f),
            Self::Boolean(value) => value.fmt(f),
            Self::List(_) => f.write_str("a list"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

fn unexpected(expected: &str, raw: &Raw) -> String {
    format!("expected {expected}, got {raw}")
}

/// `text` in backticks, on one line and not too long for a message.
fn quoted(text: &str) -> String {
    const LETTERS_MAX: usize = 60;
    let mut letters = text.chars();
    let start: String = letters.by_ref().take(LETTERS_MAX).collect();
    let dots = if letters.next().is_some() { "…" } else { "" };
    format!("`{}{dots}`", printable(&start))
}

/// Text as a string of the configuration file.
fn toml_string(text: &str) -> String {
    let mut string = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => string.extend(['\\', letter]),
            _ if letter.is_control() => {
                string.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            _ => string.push(letter),
        }
    }
    string.push('"');
    string
}
