//! The options: each is one call of the builder.

use crate::model::{Setting, Value};
use crate::paths::{Paths, at};
use proc_macro2::{Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};

/// `.name(value)` for each setting, and for each in a table.
pub(super) fn calls(paths: &Paths, settings: &[Setting]) -> TokenStream {
    settings.iter().filter_map(|setting| call(paths, setting)).collect()
}

fn call(paths: &Paths, setting: &Setting) -> Option<TokenStream> {
    if let Value::Table(settings) = &setting.value {
        return Some(calls(paths, settings));
    }
    let name = format_ident!("{}", setting.name.to_string());
    let value = value(paths, &setting.value)?;
    Some(quote!(.#name(#value)))
}

fn value(paths: &Paths, value: &Value) -> Option<TokenStream> {
    let Paths { private, none, .. } = paths;
    let value = match value {
        Value::Expr(expr) => quote!(#expr),
        Value::Text(text) => quote!(#text),
        Value::Texts(texts) => quote!([#(#texts),*]),
        Value::Flag(flag) => quote!(#flag),
        Value::Number(number, rust, span) => number_of(*number, rust, *span),
        Value::Signed(number, span) => {
            let mut literal = Literal::i32_suffixed(*number);
            literal.set_span(*span);
            quote!(#literal)
        }
        Value::Range(min, max, span) => {
            let bounds = [min, max].map(|bound| number_of(u64::from(*bound), "u32", *span));
            let [min, max] = bounds;
            quote!(#private::Workers::Range { min: #min, max: #max })
        }
        Value::Percent(percent, span) => {
            let percent = number_of(u64::from(*percent), "u32", *span);
            quote!(#private::Share::Percent(#percent))
        }
        Value::Off => {
            let Paths { duration, .. } = paths;
            quote!(#none::<#duration>)
        }
        Value::Cores(cores, span) => {
            let cores = cores.iter().map(|core| {
                let mut literal = Literal::u32_unsuffixed(*core);
                literal.set_span(*span);
                literal
            });
            quote!([#(#cores),*])
        }
        Value::Capabilities(variants) => {
            let variants = variants.iter().map(|variant| format_ident!("{variant}"));
            quote!([#(#private::Capability::#variants),*])
        }
        Value::Duration(value, span) => {
            let (seconds, nanos) = (value.as_secs(), value.subsec_nanos());
            let Paths { duration, .. } = paths.at(*span);
            quote_spanned!(at(*span)=> #duration::new(#seconds, #nanos))
        }
        Value::Choice(choice) => {
            let (name, variant) = choice;
            let (name, variant) = (format_ident!("{name}"), format_ident!("{variant}"));
            quote!(#private::#name::#variant)
        }
        Value::Table(_) | Value::Types(_) | Value::Crates(_) | Value::Nothing => return None,
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
