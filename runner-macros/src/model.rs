//! What an attribute says once every rule holds. Nothing changes it any more.

use crate::events::{Event, Kind};
use proc_macro2::Span;
use syn::{Attribute, Expr, Ident, LitBool, LitStr, Path, Type};

/// A `#[server]` and its impl.
pub(crate) struct Server {
    pub(crate) root: Option<Path>,
    pub(crate) kind: &'static Kind,
    pub(crate) self_type: Type,
    /// The `#[cfg]`s of the impl; everything generated has them too.
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) settings: Vec<Setting>,
    pub(crate) handlers: Vec<Handler>,
}

/// A `#[master]` and its struct or impl.
pub(crate) struct Master {
    pub(crate) root: Option<Path>,
    pub(crate) self_type: Type,
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) settings: Vec<Setting>,
    pub(crate) hooks: Vec<Handler>,
    /// The exact list of servers, when there is one.
    pub(crate) servers: Option<Vec<Type>>,
    pub(crate) include: Vec<Ident>,
}

/// An option and its value: one call of the builder.
pub(crate) struct Setting {
    pub(crate) name: Ident,
    pub(crate) value: Value,
}

/// A checked value.
pub(crate) enum Value {
    /// Not a literal: what it is worth is for the compiler to say.
    Expr(Expr),
    Text(LitStr),
    /// The elements of an array of literals.
    Texts(Vec<LitStr>),
    Flag(LitBool),
    /// A number and the name of its Rust type.
    Number(u64, &'static str, Span),
    /// A number that may be negative.
    Signed(i32, Span),
    /// From so many workers to so many.
    Range(u32, u32, Span),
    /// A share in percent.
    Percent(u32, Span),
    Duration(std::time::Duration, Span),
    /// Instead of a duration.
    Off,
    Cores(Vec<u32>, Span),
    /// The variants of their enum.
    Capabilities(Vec<String>),
    /// The settings of an option in parentheses.
    Table(Vec<Setting>),
    /// An enum of the runtime and its variant.
    Choice((&'static str, &'static str)),
    Types(Vec<Type>),
    Crates(Vec<Ident>),
    /// Known to be right, and not needed for anything.
    Nothing,
}

/// A method that handles an event or a hook.
pub(crate) struct Handler {
    pub(crate) event: &'static Event,
    /// With the span of the method's name.
    pub(crate) name: Ident,
    /// The types of the arguments after `self`.
    pub(crate) arguments: Vec<Type>,
    /// What errors about the return type point at.
    pub(crate) output: Span,
    /// The `#[cfg]`s of the method.
    pub(crate) cfgs: Vec<Attribute>,
}

impl Server {
    pub(crate) fn handler(&self, name: &str) -> Option<&Handler> {
        self.handlers.iter().find(|handler| handler.event.name == name)
    }

    /// The addresses that are written as literals.
    pub(crate) fn addresses(&self) -> &[LitStr] {
        let bind = self.settings.iter().find(|setting| setting.name == "bind");
        match bind.map(|setting| &setting.value) {
            Some(Value::Text(address)) => std::slice::from_ref(address),
            Some(Value::Texts(addresses)) => addresses,
            _ => &[],
        }
    }
}
