//! One section of the configuration, the master or a server: all its layers, to be settled option by option.

use super::options::{Absent, Row};
use super::suggest::suggestion;
use super::value::{Context, OptionValue, Raw};
use super::{ConfigErrors, Origin, Sourced};
use crate::spec::Kind;

/// A value that a layer above the declaration gives.
#[derive(Debug)]
pub(super) struct Setting {
    /// With the name of its table in front, if it stands in one below the section: `rlimits.nofile`.
    pub(super) option: String,
    pub(super) value: Raw,
    pub(super) origin: Origin,
}

/// The layers of a section, lowest first, as far as they are not settled yet.
pub(super) struct Section<'a> {
    /// `master` or `server.NAME`.
    pub(super) path: String,
    /// Of a server.
    pub(super) kind: Option<Kind>,
    pub(super) declared: Origin,
    pub(super) settings: Vec<Setting>,
    pub(super) planned: &'static [&'static str],
    pub(super) context: &'a Context,
    pub(super) errors: &'a mut ConfigErrors,
}

impl Section<'_> {
    /// The value of the option in the highest layer that has one. Every layer is checked, also one that is overridden.
    pub(super) fn settle<V: OptionValue>(
        &mut self,
        row: &Row,
        declared: Option<&V::Declared>,
    ) -> Option<Sourced<V::Value>> {
        let mut layers = Vec::new();
        if let Some(value) = declared {
            layers.push((Ok(value.clone()), self.declared.clone()));
        }
        for setting in self.settings.extract_if(.., |setting| setting.option == row.name) {
            layers.push((V::parse(&setting.value), setting.origin));
        }
        if self.kind.is_some_and(|kind| !row.applies_to(kind)) {
            for (_, origin) in layers.drain(..) {
                let message = format!("applies to {} servers only", row.kinds());
                self.fault(row.name, message, origin);
            }
        }
        if let Absent::Required(message) = row.absent
            && layers.is_empty()
        {
            self.fault(row.name, message, self.declared.clone());
        }
        if let Some(text) = row.absent.default(self.context) {
            let default = V::parse(&Raw::Text(text.to_owned()));
            layers.insert(0, (default, Origin::Default));
        }
        let mut settled = None;
        for (value, origin) in layers {
            match value.and_then(|value| V::validate(value, self.context)) {
                Ok(value) => settled = Some(Sourced { value, origin }),
                Err(message) => self.fault(row.name, message, origin),
            }
        }
        settled
    }

    /// Everything that is left is an error: no option of that name.
    pub(super) fn refuse_rest(&mut self, rows: &'static [Row]) {
        for setting in std::mem::take(&mut self.settings) {
            let option = setting.option.as_str();
            let message = if option == "name" && self.kind.is_some() {
                "the name of a server can only be set where it is declared, because its section is called after it"
                    .to_owned()
            } else if self.planned.contains(&option) {
                format!("`{option}` has no effect yet; remove it")
            } else if let Some(row) = rows.iter().find(|row| row.table() == Some(option)) {
                format!("expected a table: write `{} = …`", row.name)
            } else {
                format!("unknown option; {}", self.known(option, rows))
            };
            self.fault(option, message, setting.origin);
        }
    }

    /// The end of a message about an unknown option: what it was probably meant to be, in its table or in the section.
    fn known(&self, option: &str, rows: &'static [Row]) -> String {
        let mut rows: Vec<&Row> =
            rows.iter().filter(|row| self.kind.is_none_or(|kind| row.applies_to(kind))).collect();
        if let Some((table, option)) = option.split_once('.')
            && rows.iter().any(|row| row.table() == Some(table))
        {
            rows.retain(|row| row.table() == Some(table));
            return suggestion(option, rows.iter().map(|row| row.last_name()));
        }
        let mut names: Vec<&str> = rows.iter().map(|row| row.table().unwrap_or(row.name)).collect();
        names.dedup();
        suggestion(option, names.into_iter())
    }

    fn fault(&mut self, option: &str, message: impl Into<String>, origin: Origin) {
        let subject = format!("{}.{option}", self.path);
        self.errors.push(subject, message, Some(origin));
    }
}
