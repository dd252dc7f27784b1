//! Rules of the arguments.

use crate::diag::{Errors, list, suggestion};
use crate::events::{KINDS, Kind};
use crate::model::Setting;
use crate::options::{self, Opt, State};
use crate::parse::value::value;
use crate::parse::{Arguments, Entry, Raw};
use proc_macro2::Span;
use syn::Ident;

/// The kind of server and where it stands.
pub(super) type KindAt = (&'static Kind, Ident);

/// Whether it is a bare word that names no option; `http` is also an option, with a list.
fn names_a_kind(entry: &Entry) -> bool {
    let name = entry.name.to_string();
    matches!(entry.value, Raw::Word)
        && (Kind::named(&name).is_some() || options::find(options::SERVER, &name).is_none())
}

/// The kind of the server: the one bare word among the arguments.
pub(super) fn kind(arguments: &Arguments, errors: &mut Errors) -> Option<KindAt> {
    let mut words = arguments.entries.iter().filter(|entry| names_a_kind(entry));
    let Some(first) = words.next() else {
        let help = "`#[server]` begins with the kind of the server, \
                    e.g. `#[server(http, bind = \"127.0.0.1:8080\")]`";
        match arguments.entries.first() {
            Some(entry) => errors.push(&entry.name, help),
            None => errors.absorb(syn::Error::new(Span::call_site(), help)),
        }
        return None;
    };
    for other in words {
        let message = format!(
            "a server has one kind, and this one is `{}` already\nhelp: an option is written \
             `{} = …`",
            first.name, other.name
        );
        errors.push(&other.name, message);
    }
    let name = first.name.to_string();
    let kind = Kind::named(&name);
    if kind.is_none() {
        let names = || KINDS.into_iter().map(|kind| kind.name);
        let (all, meant) = (list(names()), suggestion(&name, names()));
        let message = format!("unknown server kind `{name}`, expected one of: {all}{meant}");
        errors.push(&first.name, message);
    }
    kind.map(|kind| (kind, first.name.clone()))
}

pub(super) fn kind_is_available(kind: &Kind, place: &Ident, errors: &mut Errors) {
    if !kind.available() {
        let available = KINDS.into_iter().filter(|kind| kind.available());
        let available = list(available.map(|kind| kind.name));
        let message = format!(
            "the kind `{}` is not available yet in this version\nnote: available: {available}",
            kind.name
        );
        errors.push(place, message);
    }
}

pub(super) fn address_is_given(
    kind: &Kind,
    place: &Ident,
    arguments: &Arguments,
    errors: &mut Errors,
) {
    // a mistyped name has its own error already
    let is_bind = |entry: &Entry| {
        let name = entry.name.to_string();
        name == "bind"
            || options::find(options::SERVER, &name).is_none()
                && !suggestion(&name, ["bind"]).is_empty()
    };
    if !arguments.entries.iter().any(is_bind) {
        let message = format!(
            "{} needs an address\nhelp: `bind = \"{}\"`; it can be overridden at run time",
            kind.a_server, kind.address
        );
        errors.push(place, message);
    }
}

/// The options and their values, in the order of the source.
pub(super) fn settings(
    arguments: &Arguments,
    table: &'static [Opt],
    kind: Option<&KindAt>,
    errors: &mut Errors,
) -> Vec<Setting> {
    let mut seen: Vec<&Ident> = Vec::new();
    let mut settings = Vec::new();
    for entry in &arguments.entries {
        if std::ptr::eq(table, options::SERVER) && names_a_kind(entry) {
            continue;
        }
        let Some(option) = known(entry, table, errors) else {
            continue;
        };
        if seen.contains(&&entry.name) {
            errors.push(&entry.name, format!("`{}` specified more than once", entry.name));
            continue;
        }
        seen.push(&entry.name);
        if let Some((kind, _)) = kind {
            belongs_to_kind(option, kind, entry, errors);
        }
        let Some(value) = value(option, entry, errors) else {
            continue;
        };
        has_effect(option, entry, errors);
        settings.push(Setting { name: entry.name.clone(), value });
    }
    settings
}

fn known(entry: &Entry, table: &'static [Opt], errors: &mut Errors) -> Option<&'static Opt> {
    let name = entry.name.to_string();
    let option = options::find(table, &name);
    if option.is_none() {
        let (other, owner) = if std::ptr::eq(table, options::SERVER) {
            (options::MASTER, "#[master]")
        } else {
            (options::SERVER, "#[server]")
        };
        let message = if options::find(other, &name).is_some() {
            format!("`{name}` is an option of `{owner}`")
        } else {
            let meant = suggestion(&name, options::names(table));
            let all = match meant.as_str() {
                "" => format!(", expected one of: {}", list(available(table))),
                _ => String::new(),
            };
            format!("unknown argument `{name}`{all}{meant}")
        };
        errors.push(&entry.name, message);
    }
    option
}

fn available(table: &'static [Opt]) -> impl Iterator<Item = &'static str> {
    let available = table.iter().filter(|option| option.state == State::Available);
    available.map(|option| option.name)
}

fn belongs_to_kind(option: &Opt, kind: &Kind, entry: &Entry, errors: &mut Errors) {
    if !option.belongs_to(kind) {
        let kinds = option.kinds.join(" and ");
        let message =
            format!("`{}` is an option of {kinds} servers, this is {}", option.name, kind.a_server);
        errors.push(&entry.name, message);
    }
}

fn has_effect(option: &Opt, entry: &Entry, errors: &mut Errors) {
    if option.state == State::Planned {
        let message = format!("`{}` has no effect yet in this version; remove it", option.name);
        errors.push(&entry.name, message);
    }
}
