//! Every rule of the language: each is one small function that pushes one error.

mod arguments;
mod item;
mod signature;

use crate::diag::Errors;
use crate::events::HOOKS;
use crate::model::{Master, Server, Setting, Value};
use crate::options;
use crate::parse::{self, Arguments, Item};

/// The model of a `#[server]`; whole only when no error was pushed.
pub(crate) fn server(arguments: &Arguments, item: &Item, errors: &mut Errors) -> Option<Server> {
    let kind = arguments::kind(arguments, errors);
    let settings = arguments::settings(arguments, options::SERVER, kind.as_ref(), errors);
    let block = item::inherent_impl(item, errors);
    let (kind, place) = kind?;
    arguments::kind_is_available(kind, &place, errors);
    arguments::address_is_given(kind, &place, arguments, errors);
    let block = block?;
    let handlers = item::handlers(block, kind, errors);
    item::required_event(block, kind, errors);
    item::one_way_to_answer(block, kind, errors);
    Some(Server {
        root: arguments.root.clone(),
        kind,
        self_type: block.self_type.clone(),
        cfgs: parse::item::cfgs(item.attributes()),
        settings,
        handlers,
    })
}

/// The model of a `#[master]`; whole only when no error was pushed.
pub(crate) fn master(arguments: &Arguments, item: &Item, errors: &mut Errors) -> Option<Master> {
    let settings = arguments::settings(arguments, options::MASTER, None, errors);
    let self_type = item::master_type(item, errors)?;
    let hooks = match item {
        Item::Impl(block) => item::hooks(block, &HOOKS, errors),
        _ => Vec::new(),
    };
    let (mut servers, mut include, mut calls) = (None, Vec::new(), Vec::new());
    for Setting { name, value } in settings {
        match value {
            Value::Types(types) => servers = Some(types),
            Value::Crates(crates) => include = crates,
            value => calls.push(Setting { name, value }),
        }
    }
    Some(Master {
        root: arguments.root.clone(),
        self_type,
        cfgs: parse::item::cfgs(item.attributes()),
        settings: calls,
        hooks,
        servers,
        include,
    })
}
