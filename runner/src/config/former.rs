//! Servers that the program had before an upgrade and does not have any more.

use super::{
    Config, ConfigErrors, Declared, DeclaredServer, MasterOptions, ServerConfig, ServerOptions,
    Sources, load,
};
use crate::spec::Kind;
use std::panic::Location;

/// A server that nothing in the program declares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Former<'a> {
    pub(crate) key: &'a str,
    pub(crate) name: &'a str,
    pub(crate) kind: Kind,
}

/// Its configuration, out of the text that the whole configuration of the former program was printed
/// as. `context` is that of the sources, of which nothing else counts.
pub(crate) fn load_former(
    former: Former<'_>,
    text: &str,
    context: &Sources,
    place: &'static Location<'static>,
) -> Result<ServerConfig, ConfigErrors> {
    let Former { key, name, kind } = former;
    let section = section(text, key).to_owned();
    let (master, options) = (MasterOptions::default(), ServerOptions::default());
    let server = DeclaredServer { kind, name: name.to_owned(), options: &options, place };
    let declared = Declared { master: &master, place, servers: vec![server] };
    let Config { mut servers, .. } = load(&declared, &context.clone().of_text(section))?;
    servers.pop().ok_or_else(|| ConfigErrors::single(key, "it is missing"))
}

/// The table of a server, to the next one.
fn section<'a>(text: &'a str, key: &str) -> &'a str {
    let head = format!("[server.{key}]");
    let Some(begin) = text.find(&head) else {
        return "";
    };
    let end = text[begin..].find("\n[").map_or(text.len(), |end| begin + end);
    &text[begin..end]
}
