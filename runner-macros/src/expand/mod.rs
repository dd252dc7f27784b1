//! The model to tokens. Nothing here can fail.
//!
//! Everything but the import of `main` stands in a `const _`, so no name of it can meet one of the user's.

mod handlers;
mod master;
mod rejected;
mod server;
mod settings;

pub(crate) use master::master;
pub(crate) use rejected::{rejected_master, rejected_server};
pub(crate) use server::server;

use crate::paths::Paths;
use proc_macro2::TokenStream;
use quote::quote;
use syn::Attribute;

/// Imports `main`: a program's own one shadows it, and it is the same one for every attribute.
fn import_main(paths: &Paths, cfgs: &[Attribute]) -> TokenStream {
    let Paths { private, .. } = paths;
    quote! {
        #(#cfgs)*
        #[allow(unused_imports, clippy::wildcard_imports)]
        use #private::entry::*;
    }
}

/// The item as it was written. Lints that would blame the user for the form of an event are off.
fn item(tokens: &TokenStream) -> TokenStream {
    quote! {
        #[allow(clippy::unused_async, clippy::unused_self, clippy::needless_pass_by_value)]
        #tokens
    }
}
