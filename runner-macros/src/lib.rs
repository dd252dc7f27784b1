//! The attribute macros of `runner`. Their documentation stands at the re-exports in that crate.

use proc_macro::TokenStream;

/// See `runner::server`.
#[proc_macro_attribute]
pub fn server(_arguments: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// See `runner::master`.
#[proc_macro_attribute]
pub fn master(_arguments: TokenStream, item: TokenStream) -> TokenStream {
    item
}
