//! Every path that generated code uses: absolute, so that no name of the user's can come between.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::Path;

/// The paths, below the name that the user's crate has for `runner`.
pub(crate) struct Paths {
    root: TokenStream,
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

impl Paths {
    /// `root` is the value of `crate = …`; without it, `::runner`.
    pub(crate) fn new(root: Option<&Path>) -> Self {
        let root = root.map_or_else(|| quote!(::runner), |path| quote!(#path));
        Self::below(root, Span::call_site())
    }

    /// The same paths for code whose errors are to point at `place`.
    pub(crate) fn at(&self, place: Span) -> Self {
        let located = |mut token: TokenTree| {
            // a `$crate` stays the crate that it was
            token.set_span(place.resolved_at(token.span()));
            token
        };
        Self::below(self.root.clone().into_iter().map(located).collect(), at(place))
    }

    fn below(root: TokenStream, span: Span) -> Self {
        Self {
            private: quote_spanned!(span=> #root::__private),
            arguments: quote_spanned!(span=> #root::__private::arguments),
            error: quote_spanned!(span=> #root::__private::Error),
            ok: quote_spanned!(span=> ::core::result::Result::Ok),
            err: quote_spanned!(span=> ::core::result::Result::Err),
            some: quote_spanned!(span=> ::core::option::Option::Some),
            none: quote_spanned!(span=> ::core::option::Option::None),
            assert: quote_spanned!(span=> ::core::assert!),
            unreachable: quote_spanned!(span=> ::core::unreachable!),
            duration: quote_spanned!(span=> ::core::time::Duration),
            str: quote_spanned!(span=> ::core::primitive::str),
            root,
        }
    }
}

/// The span of generated code whose errors are to point at `place`: its names are still those of
/// the attribute, also when the place is an argument of somebody's `macro_rules!`.
pub(crate) fn at(place: Span) -> Span {
    place.resolved_at(Span::call_site())
}
