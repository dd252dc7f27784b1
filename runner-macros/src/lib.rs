//! The attribute macros of `runner`. Their documentation stands at the re-exports in that crate.
//!
//! An attribute is read in four steps, each of which only knows the one before it:
//! `parse` (tokens to a raw tree, never giving up early), `check` (every rule of the language),
//! `model` (what is left when all rules hold), `expand` (the model to tokens, infallible).

mod capabilities;
mod check;
mod diag;
mod events;
mod expand;
mod model;
mod options;
mod parse;
mod paths;
#[cfg(test)]
mod tests;

use diag::Errors;
use proc_macro2::TokenStream;

#[allow(missing_docs, reason = "documented at the re-export in `runner`")]
#[proc_macro_attribute]
pub fn server(
    arguments: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    expand_server(arguments.into(), &item.into()).into()
}

#[allow(missing_docs, reason = "documented at the re-export in `runner`")]
#[proc_macro_attribute]
pub fn master(
    arguments: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    expand_master(arguments.into(), &item.into()).into()
}

fn expand_server(arguments: TokenStream, tokens: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let arguments = parse::arguments(arguments, &mut errors);
    let item = parse::item(tokens.clone(), &mut errors);
    let server = check::server(&arguments, &item, &mut errors);
    match server {
        Some(server) if errors.is_empty() => expand::server(tokens, &server),
        _ => expand::rejected_server(tokens, &arguments, &item, errors),
    }
}

fn expand_master(arguments: TokenStream, tokens: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let arguments = parse::arguments(arguments, &mut errors);
    let item = parse::item(tokens.clone(), &mut errors);
    let master = check::master(&arguments, &item, &mut errors);
    match master {
        Some(master) if errors.is_empty() => expand::master(tokens, &master),
        _ => expand::rejected_master(tokens, &arguments, errors),
    }
}
