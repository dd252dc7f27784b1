//! Everything that went wrong, to be told at once.

use crate::config::Origin;
use std::fmt::Display;

/// What went wrong, a line each.
#[derive(Debug, Default)]
pub(super) struct Errors(Vec<String>);

impl Errors {
    /// Notes that the option `key` cannot be had.
    pub(super) fn push(&mut self, key: &str, problem: impl Display, origin: &Origin) {
        self.0.push(format!("{key}: {problem} ({})", origin.clause()));
    }

    /// Notes what went wrong, if anything did.
    pub(super) fn keep<T>(
        &mut self,
        key: &str,
        origin: &Origin,
        result: Result<T, impl Display>,
    ) -> Option<T> {
        result.map_err(|problem| self.push(key, problem, origin)).ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Errors> for Vec<String> {
    fn from(errors: Errors) -> Self {
        errors.0
    }
}
