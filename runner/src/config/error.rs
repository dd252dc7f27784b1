//! Everything that is wrong with a configuration, at once.

use super::origin::Origin;
use std::fmt;

/// Everything that is wrong with a configuration; one line each.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ConfigErrors(Vec<ConfigError>);

#[derive(Debug, PartialEq, Eq)]
struct ConfigError {
    /// What is wrong: an option (`server.echo.workers`), a section, a variable, a place in a file.
    subject: String,
    message: String,
    origin: Option<Origin>,
}

impl ConfigErrors {
    /// One error that no layer is to blame for.
    pub(crate) fn single(subject: impl Into<String>, message: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.push(subject, message, None);
        errors
    }

    pub(super) fn push(
        &mut self,
        subject: impl Into<String>,
        message: impl Into<String>,
        origin: Option<Origin>,
    ) {
        self.0.push(ConfigError {
            subject: printable(&subject.into()),
            message: printable(&message.into()),
            origin,
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A line each.
impl From<ConfigErrors> for Vec<String> {
    fn from(errors: ConfigErrors) -> Self {
        errors.0.iter().map(ToString::to_string).collect()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.message)?;
        let origin = self.origin.as_ref();
        origin.map_or(Ok(()), |origin| write!(f, " ({})", origin.clause()))
    }
}

impl std::error::Error for ConfigErrors {}

/// `text` with its control characters escaped, so that it stays on one line of a terminal or a log.
pub(super) fn printable(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line
}
