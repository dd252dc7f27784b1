//! What an attribute with errors leaves behind: the item as it was, the errors, and enough of the
//! rest that no other error follows from them.

use super::{import_main, item};
use crate::diag::Errors;
use crate::parse::item::cfgs;
use crate::parse::{Arguments, Impl, Item};
use crate::paths::Paths;
use proc_macro2::TokenStream;
use quote::quote;
use syn::Type;

pub(crate) fn rejected_server(
    tokens: &TokenStream,
    arguments: &Arguments,
    parsed: &Item,
    errors: Errors,
) -> TokenStream {
    let paths = Paths::new(arguments.root.as_ref());
    let item = item(tokens);
    let main = import_main(&paths, &cfgs(parsed.attributes()));
    let stub = match parsed {
        Item::Impl(block) => stub(&paths, block),
        Item::Struct(_) | Item::Other(_) => TokenStream::new(),
    };
    let errors = errors.into_tokens();
    quote!(#item #main #stub #errors)
}

pub(crate) fn rejected_master(
    tokens: &TokenStream,
    arguments: &Arguments,
    errors: Errors,
) -> TokenStream {
    let paths = Paths::new(arguments.root.as_ref());
    let (item, main, errors) = (item(tokens), import_main(&paths, &[]), errors.into_tokens());
    quote!(#item #main #errors)
}

/// Keeps `servers(…)` from saying that the type is not a server.
fn stub(paths: &Paths, block: &Impl) -> TokenStream {
    let Paths { private, str, unreachable, .. } = paths;
    let (self_type, cfgs) = (&block.self_type, cfgs(&block.attributes));
    let is_concrete = block.generics.params.is_empty() && block.generics.where_clause.is_none();
    if !is_concrete || !matches!(self_type, Type::Path(_) | Type::Group(_)) {
        return TokenStream::new();
    }
    quote! {
        #(#cfgs)*
        const _: () = {
            #[automatically_derived]
            impl #private::Registered for #self_type {
                const ENTRY: &'static #private::ServerEntry =
                    &#private::ServerEntry { build: || #unreachable() };
                const ADDRESSES: &'static [&'static #str] = &[];
            }
        };
    }
}
