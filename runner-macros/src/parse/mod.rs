//! Tokens to a raw tree. Nothing here knows an event or an option, and nothing gives up early:
//! what cannot be read is an error and is left out.

pub(crate) mod arguments;
pub(crate) mod item;
pub(crate) mod value;

pub(crate) use arguments::{Arguments, Entry, Raw, arguments};
pub(crate) use item::{Impl, Item, Member, Method, Struct, item};
