//! `runner.toml`: the tables `[master]` and `[server.NAME]`, and `[server.NAME.rlimits]`.

use super::Layers;
use crate::config::options::is_table;
use crate::config::section::Setting;
use crate::config::suggest::suggestion;
use crate::config::value::Raw;
use crate::config::{ConfigErrors, Origin, Sources};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The file in the start directory that is read when the command line names none.
const DEFAULT: &str = "runner.toml";

/// The longest file in bytes.
const SIZE_MAX: u64 = 1 << 20;

/// Its name, if it is there.
pub(crate) fn default_file(directory: &Path) -> Option<PathBuf> {
    directory.join(DEFAULT).exists().then(|| DEFAULT.into())
}

pub(super) fn read(sources: &Sources, layers: &mut Layers, errors: &mut ConfigErrors) {
    let path = sources.file.as_deref().unwrap_or(Path::new(DEFAULT));
    let given = sources.text.clone().map(Ok);
    let read = || text(&sources.context.directory.join(path), sources.again);
    let text = match given.unwrap_or_else(read) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && sources.file.is_none() => return,
        Err(error) => {
            let message = format!("cannot read the configuration: {error}");
            return errors.push(path.to_string_lossy(), message, None);
        }
    };
    let source = Source { path: path.into(), text: &text };
    source.read(layers, errors);
}

/// The contents of the file. The second time it must be a real one: in a pipe there would be
/// nothing, or it would be waited for.
fn text(path: &Path, again: bool) -> io::Result<String> {
    if again && !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file, and cannot be read once more"));
    }
    let mut text = String::new();
    File::open(path)?.take(SIZE_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > SIZE_MAX {
        return Err(io::Error::other(format!("it has more than {SIZE_MAX} bytes")));
    }
    Ok(text)
}

struct Source<'a> {
    path: Arc<Path>,
    text: &'a str,
}

impl Source<'_> {
    fn read(&self, layers: &mut Layers, errors: &mut ConfigErrors) {
        let document = match DeTable::parse(self.text) {
            Ok(document) => document,
            Err(error) => {
                let place = self.origin(error.span().unwrap_or_default());
                return errors.push(place.to_string(), error.message(), None);
            }
        };
        for (name, value) in document.get_ref() {
            match name.get_ref().as_ref() {
                "master" => {
                    let expected = "a table: write `[master]`";
                    if let Some(table) = self.table("master", value, expected, errors) {
                        layers.master.extend(self.settings(table));
                    }
                }
                "server" => self.servers(value, layers, errors),
                unknown => {
                    let known = ["master", "server"].into_iter();
                    let message = format!("unknown table; {}", suggestion(unknown, known));
                    errors.push(unknown, message, Some(self.origin(name.span())));
                }
            }
        }
    }

    fn servers(
        &self,
        value: &Spanned<DeValue<'_>>,
        layers: &mut Layers,
        errors: &mut ConfigErrors,
    ) {
        let expected = "a table for each server: write `[server.NAME]`";
        let Some(servers) = self.table("server", value, expected, errors) else {
            return;
        };
        for (name, value) in servers {
            let key = name.get_ref();
            let Some(settings) = layers.server(key, &self.origin(name.span()), errors) else {
                continue;
            };
            let expected = format!("a table: write `[server.{key}]`");
            if let Some(table) = self.table(&format!("server.{key}"), value, &expected, errors) {
                settings.extend(self.settings(table));
            }
        }
    }

    /// The table in `value`; anything else is an error.
    fn table<'v>(
        &self,
        subject: &str,
        value: &'v Spanned<DeValue<'_>>,
        expected: &str,
        errors: &mut ConfigErrors,
    ) -> Option<&'v DeTable<'v>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            let message = format!("expected {expected}, got {}", raw(value.get_ref()));
            errors.push(subject, message, Some(self.origin(value.span())));
        }
        table
    }

    /// The settings of a section; those of a table in it have its name in front.
    fn settings(&self, table: &DeTable<'_>) -> Vec<Setting> {
        let mut settings = Vec::new();
        for (name, value) in table {
            let name = name.get_ref();
            match value.get_ref() {
                DeValue::Table(options) if is_table(name) => {
                    settings.extend(options.iter().map(|(option, value)| {
                        self.setting(format!("{name}.{}", option.get_ref()), value)
                    }));
                }
                _ => settings.push(self.setting(name.to_string(), value)),
            }
        }
        settings
    }

    fn setting(&self, option: String, value: &Spanned<DeValue<'_>>) -> Setting {
        Setting { option, value: raw(value.get_ref()), origin: self.origin(value.span()) }
    }

    fn origin(&self, span: Range<usize>) -> Origin {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Origin::File {
            path: Arc::clone(&self.path),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::String(text.to_string()),
        DeValue::Integer(integer) => {
            let radix = integer.radix();
            i128::from_str_radix(integer.as_str(), radix)
                .map_or(Raw::Other("a number without end"), |value| Raw::Integer { value, radix })
        }
        DeValue::Float(_) => Raw::Other("a number with a fraction"),
        DeValue::Boolean(on) => Raw::Boolean(*on),
        DeValue::Datetime(_) => Raw::Other("a date or time"),
        DeValue::Array(items) => Raw::List(items.iter().map(|item| raw(item.get_ref())).collect()),
        DeValue::Table(_) => Raw::Other("a table"),
    }
}
