//! The options: each is one call of the builder.

use crate::model::{Setting, Value, WorkerCount};
use crate::paths::{Paths, at};
use proc_macro2::{Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};

/// `.name(value)` for each setting.
pub(super) fn calls(paths: &Paths, settings: &[Setting]) -> TokenStream {
    settings.iter().filter_map(|setting| call(paths, setting)).collect()
}

fn call(paths: &Paths, setting: &Setting) -> Option<TokenStream> {
    let name = format_ident!("{}", setting.name.to_string());
    let value = value(paths, &setting.value)?;
    Some(quote!(.#name(#value)))
}

fn value(paths: &Paths, value: &Value) -> Option<TokenStream> {
    let Paths { private, .. } = paths;
    let value = match value {
        Value::Expr(expr) => quote!(#expr),
        Value::Text(text) => quote!(#text),
        Value::Texts(texts) => quote!([#(#texts),*]),
        Value::Flag(flag) => quote!(#flag),
        Value::Number(number, rust, span) => number_of(*number, rust, *span),
        Value::Workers(WorkerCount::Auto) => quote!(#private::Workers::Auto),
        Value::Workers(WorkerCount::Fixed(count, span)) => {
            number_of(u64::from(*count), "u32", *span)
        }
        Value::Duration(value, span) => {
            let (seconds, nanos) = (value.as_secs(), value.subsec_nanos());
            let Paths { duration, .. } = paths.at(*span);
            quote_spanned!(at(*span)=> #duration::new(#seconds, #nanos))
        }
        Value::Choice(choice) => {
            let (name, variant) = (*choice)?;
            let (name, variant) = (format_ident!("{name}"), format_ident!("{variant}"));
            quote!(#private::#name::#variant)
        }
        Value::Types(_) | Value::Crates(_) | Value::Nothing => return None,
    };
    Some(value)
}

fn number_of(number: u64, rust: &str, span: Span) -> TokenStream {
    let mut literal = match u32::try_from(number) {
        Ok(number) if rust == "u32" => Literal::u32_suffixed(number),
        _ => Literal::u64_suffixed(number),
    };
    literal.set_span(span);
    quote!(#literal)
}
