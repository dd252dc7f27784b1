//! Errors: where they are collected and how they are worded.
//!
//! Stable macros have no `help:` and `note:` of their own, so further lines of a message begin with these words.

use proc_macro2::TokenStream;
use quote::ToTokens;
use std::fmt::Display;

/// All errors of one attribute, in the order of the source.
#[derive(Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    /// Adds an error that underlines `place`.
    pub(crate) fn push(&mut self, place: impl ToTokens, message: impl Display) {
        self.absorb(syn::Error::new_spanned(place, message));
    }

    /// Adds an error of the parser.
    pub(crate) fn absorb(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.iter().flatten().count()
    }

    /// A `compile_error!` for each error.
    pub(crate) fn into_tokens(self) -> TokenStream {
        self.0.map(syn::Error::into_compile_error).unwrap_or_default()
    }
}

/// The names in backticks, with commas between them.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// `; did you mean …?` when one of the candidates is close to what was written, else nothing.
pub(crate) fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| format!("; did you mean `{candidate}`?"))
        .unwrap_or_default()
}

/// How many letters must be added, removed, replaced or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<_>, Vec<_>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let changed = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swapped { changed.min(rows[i - 2][j - 2] + 1) } else { changed }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, suggestion};

    #[test]
    fn distances() {
        let check = |a, b, expected| assert_eq!(distance(a, b), expected, "{a} {b}");
        check("", "", 0);
        check("tcp", "", 3);
        check("tpc", "tcp", 1);
        check("bnd", "bind", 1);
        check("recieve", "receive", 1);
        check("kitten", "sitting", 3);
    }

    #[test]
    fn suggestions_are_close() {
        let check = |word, expected| assert_eq!(suggestion(word, ["http", "tcp", "udp"]), expected);
        check("tpc", "; did you mean `tcp`?");
        check("htpp", "; did you mean `http`?");
        check("smtp", "");
        check("", "");
    }
}
