//! Text, paths, switches and choices.

use super::{Context, OptionValue, Raw, quoted, toml_string, unexpected};
use crate::config::suggest::suggestion;
use crate::spec::{Accept, Spawn, Term};
use std::marker::PhantomData;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// A name: some text on one line.
pub(crate) struct Text;

impl OptionValue for Text {
    type Declared = String;
    type Value = String;

    fn parse(raw: &Raw) -> Result<String, String> {
        match raw {
            Raw::Text(text) | Raw::String(text) => Ok(text.clone()),
            _ => Err(unexpected("a string", raw)),
        }
    }

    fn validate(text: String, _: &Context) -> Result<String, String> {
        if text.trim().is_empty() {
            Err("expected some text, got none".to_owned())
        } else if text.contains(char::is_control) {
            Err(format!(
                "expected text on one line without control characters, got {}",
                quoted(&text)
            ))
        } else {
            Ok(text)
        }
    }

    fn render(text: &String) -> String {
        toml_string(text)
    }
}

/// The path of a file or a directory; a relative one starts where the program was started.
pub(crate) struct FilePath;

impl OptionValue for FilePath {
    type Declared = PathBuf;
    type Value = PathBuf;

    fn parse(raw: &Raw) -> Result<PathBuf, String> {
        match raw {
            Raw::Text(text) | Raw::String(text) => Ok(PathBuf::from(text)),
            _ => Err(unexpected("a path as a string", raw)),
        }
    }

    fn validate(path: PathBuf, context: &Context) -> Result<PathBuf, String> {
        let bytes = path.as_os_str().as_bytes();
        if bytes.is_empty() {
            Err("expected a path, got an empty string".to_owned())
        } else if bytes.contains(&0) {
            Err(format!("a path has no NUL, got {}", quoted(&path.to_string_lossy())))
        } else {
            Ok(context.directory.join(path))
        }
    }

    fn render(path: &PathBuf) -> String {
        toml_string(&path.to_string_lossy())
    }
}

/// The path of a directory, wherever the program was started.
pub(crate) struct AbsolutePath;

impl OptionValue for AbsolutePath {
    type Declared = PathBuf;
    type Value = PathBuf;

    fn parse(raw: &Raw) -> Result<PathBuf, String> {
        FilePath::parse(raw)
    }

    fn validate(path: PathBuf, context: &Context) -> Result<PathBuf, String> {
        if path.is_relative() && !path.as_os_str().is_empty() {
            return Err(format!(
                "expected an absolute path, which begins with `/`, got {}",
                quoted(&path.to_string_lossy())
            ));
        }
        FilePath::validate(path, context)
    }

    fn render(path: &PathBuf) -> String {
        FilePath::render(path)
    }
}

/// The longest path of a socket in bytes: `sun_path` has 108, the last of which is 0 (unix(7)).
pub(crate) const SOCKET_PATH_MAX: usize = 107;

/// The path of a unix socket; a relative one starts where the program was started.
pub(crate) struct SocketPath;

impl OptionValue for SocketPath {
    type Declared = PathBuf;
    type Value = PathBuf;

    fn parse(raw: &Raw) -> Result<PathBuf, String> {
        FilePath::parse(raw)
    }

    fn validate(path: PathBuf, context: &Context) -> Result<PathBuf, String> {
        let path = FilePath::validate(path, context)?;
        let bytes = path.as_os_str().len();
        if SOCKET_PATH_MAX < bytes {
            return Err(format!(
                "the path of a socket has at most {SOCKET_PATH_MAX} bytes, and this one has {bytes} from the root on"
            ));
        }
        Ok(path)
    }

    fn render(path: &PathBuf) -> String {
        FilePath::render(path)
    }
}

/// `true` or `false`.
pub(crate) struct Switch;

impl OptionValue for Switch {
    type Declared = bool;
    type Value = bool;

    fn parse(raw: &Raw) -> Result<bool, String> {
        match raw {
            Raw::Boolean(on) => Ok(*on),
            Raw::Text(text) if text == "true" => Ok(true),
            Raw::Text(text) if text == "false" => Ok(false),
            _ => Err(unexpected("`true` or `false`", raw)),
        }
    }

    fn validate(on: bool, _: &Context) -> Result<bool, String> {
        Ok(on)
    }

    fn render(on: &bool) -> String {
        on.to_string()
    }
}

/// One of a few words.
pub(crate) struct Choice<T>(PhantomData<T>);

/// A type whose values are words.
pub(crate) trait Choices: Copy + PartialEq + 'static {
    /// Each value and its word.
    const WORDS: &'static [(&'static str, Self)];
}

impl Choices for Accept {
    const WORDS: &'static [(&'static str, Self)] =
        &[("slots", Self::Slots), ("shared", Self::Shared)];
}

impl Choices for Term {
    const WORDS: &'static [(&'static str, Self)] =
        &[("now", Self::Now), ("graceful", Self::Graceful)];
}

impl Choices for Spawn {
    const WORDS: &'static [(&'static str, Self)] = &[("fork", Self::Fork), ("exec", Self::Exec)];
}

impl<T: Choices> OptionValue for Choice<T> {
    type Declared = T;
    type Value = T;

    fn parse(raw: &Raw) -> Result<T, String> {
        let words = T::WORDS.iter().map(|(word, _)| *word);
        let (Raw::Text(text) | Raw::String(text)) = raw else {
            let quoted: Vec<String> = words.map(toml_string).collect();
            return Err(unexpected(&quoted.join(" or "), raw));
        };
        if let Some((_, value)) = T::WORDS.iter().find(|(word, _)| word == text) {
            return Ok(*value);
        }
        Err(format!("unknown value {}; {}", quoted(text), suggestion(text, words)))
    }

    fn validate(value: T, _: &Context) -> Result<T, String> {
        Ok(value)
    }

    fn render(value: &T) -> String {
        let word = T::WORDS.iter().find(|(_, choice)| choice == value);
        toml_string(word.map_or("", |(word, _)| word))
    }
}
