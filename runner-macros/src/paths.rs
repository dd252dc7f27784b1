//! Every path that generated code uses: absolute, so that no name of the user's can come between.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::quote;
use syn::Path;

/// The paths, below the name that the user's crate has for `runner`.
pub(crate) struct Paths {
    /// The module of the runtime that is made for generated code.
    pub(crate) private: TokenStream,
    /// Where arguments come from.
    pub(crate) arguments: TokenStream,
    pub(crate) error: TokenStream,
    pub(crate) ok: TokenStream,
    pub(crate) err: TokenStream,
    pub(crate) some: TokenStream,
    pub(crate) none: TokenStream,
    pub(crate) assert: TokenStream,
    pub(crate) unreachable: TokenStream,
    pub(crate) duration: TokenStream,
    pub(crate) str: TokenStream,
}

/// The same tokens at another place, for errors that point at their first token.
pub(crate) fn respanned(tokens: &TokenStream, span: Span) -> TokenStream {
    let at = |mut token: TokenTree| {
        token.set_span(span);
        token
    };
    tokens.clone().into_iter().map(at).collect()
}

impl Paths {
    /// `root` is the value of `crate = …`; without it, `::runner`.
    pub(crate) fn new(root: Option<&Path>) -> Self {
        let root = root.map_or_else(|| quote!(::runner), |path| quote!(#path));
        Self {
            private: quote!(#root::__private),
            arguments: quote!(#root::__private::arguments),
            error: quote!(#root::__private::Error),
            ok: quote!(::core::result::Result::Ok),
            err: quote!(::core::result::Result::Err),
            some: quote!(::core::option::Option::Some),
            none: quote!(::core::option::Option::None),
            assert: quote!(::core::assert!),
            unreachable: quote!(::core::unreachable!),
            duration: quote!(::core::time::Duration),
            str: quote!(::core::primitive::str),
        }
    }
}
