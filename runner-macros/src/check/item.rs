//! Rules of the item: what may carry an attribute, and what may stand in its block.

use super::signature;
use crate::diag::{Errors, list, suggestion};
use crate::events::{self, Event, HOOKS, KINDS, Kind, Role};
use crate::model::Handler;
use crate::parse::item::{cfgs, short_name};
use crate::parse::{Impl, Item, Member, Method, Struct};
use syn::{ReturnType, Type, spanned::Spanned};

/// The impl block of a `#[server]`.
pub(super) fn inherent_impl<'a>(item: &'a Item, errors: &mut Errors) -> Option<&'a Impl> {
    match item {
        Item::Impl(block) => is_plain(block, "#[server]", errors).then_some(block),
        Item::Struct(item) => {
            let message =
                format!("`#[server]` goes on an `impl` block, e.g. `impl {} {{ ... }}`", item.name);
            errors.push(&item.head, message);
            None
        }
        Item::Other(head) => {
            errors.push(head, "`#[server]` goes on an `impl` block, e.g. `impl Api { ... }`");
            None
        }
    }
}

/// The type of a `#[master]`: the struct itself or that of the impl block.
pub(super) fn master_type(item: &Item, errors: &mut Errors) -> Option<Type> {
    match item {
        Item::Impl(block) => is_plain(block, "#[master]", errors).then(|| block.self_type.clone()),
        Item::Struct(item) => {
            is_unit(item, errors);
            let name = &item.name;
            Some(syn::parse_quote!(#name))
        }
        Item::Other(head) => {
            let message =
                "`#[master]` goes on a unit struct or its `impl` block, e.g. `struct App;`";
            errors.push(head, message);
            None
        }
    }
}

fn is_unit(item: &Struct, errors: &mut Errors) {
    if !item.is_unit || !item.generics.params.is_empty() {
        let message = format!(
            "the type of a `#[master]` has no fields\nhelp: `struct {};` – what the hooks share \
             can be in a `static`",
            item.name
        );
        errors.push(&item.head, message);
    }
}

fn is_plain(block: &Impl, attribute: &str, errors: &mut Errors) -> bool {
    let before = errors.count();
    if let Some(token) = &block.unsafety {
        errors.push(token, format!("`{attribute}` goes on an impl that is not `unsafe`"));
    }
    if let Some(path) = &block.trait_path {
        errors.push(path, format!("`{attribute}` goes on an inherent impl, not a trait impl"));
    }
    let name = short_name(&block.self_type);
    if !block.generics.params.is_empty() {
        let params = &block.generics.params;
        let message =
            format!("a server type must be concrete\nhelp: name the type, e.g. `impl {name}<Db>`");
        errors.push(params, message);
    } else if let Some(clause) = &block.generics.where_clause {
        errors.push(clause, "a server type must be concrete: it needs no `where` clause");
    }
    if !matches!(block.self_type, Type::Path(_) | Type::Group(_)) {
        let message = "a server is a type with a name, e.g. `impl Api { ... }`";
        errors.push(&block.self_type, message);
    }
    errors.count() == before
}

/// The events in the block.
pub(super) fn handlers(block: &Impl, kind: &'static Kind, errors: &mut Errors) -> Vec<Handler> {
    let mut handlers = Vec::new();
    for member in &block.members {
        let Some(method) = function(member, "#[server]", "events", errors) else {
            continue;
        };
        let name = method.signature.ident.to_string();
        match kind.event(&name) {
            Some(event) => {
                signature::event(event, method, errors);
                keep(&mut handlers, event, method);
            }
            None => not_an_event(method, kind, errors),
        }
    }
    handlers
}

/// The hooks in the block of a `#[master]`.
pub(super) fn hooks(block: &Impl, table: &'static [Event], errors: &mut Errors) -> Vec<Handler> {
    let mut hooks = Vec::new();
    for member in &block.members {
        let Some(method) = function(member, "#[master]", "hooks", errors) else {
            continue;
        };
        let name = method.signature.ident.to_string();
        match events::find(table, &name) {
            Some(hook) => {
                signature::hook(hook, method, errors);
                keep(&mut hooks, hook, method);
            }
            None => not_a_hook(method, errors),
        }
    }
    hooks
}

/// Of two methods with one name only the first is kept: that there are two is the compiler's error.
fn keep(handlers: &mut Vec<Handler>, event: &'static Event, method: &Method) {
    if handlers.iter().any(|handler| handler.event.name == event.name) {
        return;
    }
    let signature = &method.signature;
    handlers.push(Handler {
        event,
        name: signature.ident.clone(),
        arguments: signature::argument_types(signature).cloned().collect(),
        output: match &signature.output {
            ReturnType::Type(_, output) => output.span(),
            ReturnType::Default => signature.ident.span(),
        },
        cfgs: cfgs(&method.attributes),
    });
}

/// The function, when the member is one: nothing else belongs in the block.
fn function<'a>(
    member: &'a Member,
    attribute: &str,
    what: &str,
    errors: &mut Errors,
) -> Option<&'a Method> {
    match member {
        Member::Method(method) => Some(method),
        Member::Other(first) => {
            let message = format!(
                "the block of a `{attribute}` holds only {what}\nhelp: move this to a separate \
                 `impl` block"
            );
            errors.push(first, message);
            None
        }
    }
}

fn not_an_event(method: &Method, kind: &'static Kind, errors: &mut Errors) {
    let ident = &method.signature.ident;
    let name = ident.to_string();
    let other = KINDS.into_iter().find(|other| other.event(&name).is_some());
    let message = if kind.name == "udp" && matches!(name.as_str(), "connect" | "close") {
        format!("`{name}` is not an event of a udp server: udp has no connections")
    } else if let Some(other) = other {
        let article = other.a_server.split(' ').next().unwrap_or_default();
        format!(
            "`{name}` is {article} {} event, this is {}\nhelp: `#[server({}, …)]`",
            other.name, kind.a_server, other.name
        )
    } else if events::find(&HOOKS, &name).is_some() {
        format!("`{name}` is a hook of the master\nhelp: put it in a `#[master]` impl")
    } else {
        format!(
            "`{name}` is not an event of {}{}\nnote: its events are: {}\nhelp: move helper \
             methods to a separate `impl` block",
            kind.a_server,
            suggestion(&name, kind.event_names()),
            list(kind.event_names()),
        )
    };
    errors.push(ident, message);
}

fn not_a_hook(method: &Method, errors: &mut Errors) {
    let ident = &method.signature.ident;
    let name = ident.to_string();
    let names = || HOOKS.iter().map(|hook| hook.name);
    let is_event = KINDS.into_iter().any(|kind| kind.event(&name).is_some());
    let message = if is_event {
        format!("`{name}` is an event of a worker: it belongs to a `#[server]` impl")
    } else {
        format!(
            "`{name}` is not a hook of the master{}\nnote: its hooks are: {}\nhelp: move helper \
             methods to a separate `impl` block",
            suggestion(&name, names()),
            list(names()),
        )
    };
    errors.push(ident, message);
}

fn find<'a>(block: &'a Impl, name: &str) -> Option<&'a Method> {
    block.members.iter().find_map(|member| match member {
        Member::Method(method) if method.signature.ident == name => Some(&**method),
        _ => None,
    })
}

/// The event without which the server does nothing.
pub(super) fn required_event(block: &Impl, kind: &'static Kind, errors: &mut Errors) {
    let missing = kind.required.iter().all(|name| find(block, name).is_none());
    // a method that cannot be read may be the one, and so may one whose name is mistyped
    if missing && !block.incomplete && !is_mistyped(block, kind) {
        let names: Vec<_> = kind.required.iter().map(|name| format!("`{name}`")).collect();
        let usage = kind.event(kind.required[0]).map(|event| event.usage).unwrap_or_default();
        let message =
            format!("{} needs {}\nhelp: add `{usage}`", kind.a_server, names.join(" or "));
        errors.push(&block.self_type, message);
    }
}

fn is_mistyped(block: &Impl, kind: &'static Kind) -> bool {
    block.members.iter().any(|member| match member {
        Member::Method(method) => {
            let name = method.signature.ident.to_string();
            kind.event(&name).is_none()
                && !suggestion(&name, kind.required.iter().copied()).is_empty()
        }
        Member::Other(_) => false,
    })
}

/// `request` and `service` both answer requests.
pub(super) fn one_way_to_answer(block: &Impl, kind: &'static Kind, errors: &mut Errors) {
    let has_service = kind.events.iter().any(|event| matches!(event.role, Role::Service));
    if let (true, Some(request), Some(service)) =
        (has_service, find(block, "request"), find(block, "service"))
    {
        let message = "`request` and `service` cannot be combined; the router already answers \
                       requests";
        errors.push(&request.signature.ident, message);
        errors.push(&service.signature.ident, message);
    }
}
