//! The values of options: each type of the table has one small reader.

use crate::diag::{Errors, list, suggestion};
use crate::model::{Value, WorkerCount};
use crate::options::{Opt, State, Type, Word};
use crate::parse::{Arguments, Entry, Raw, arguments};
use proc_macro2::{Group, Span};
use quote::quote;
use std::time::Duration;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, Ident, Lit, LitInt, LitStr, Token};

/// The value of an entry, when it has the type of the option.
pub(crate) fn value(option: &'static Opt, entry: &Entry, errors: &mut Errors) -> Option<Value> {
    match (&option.kind, &entry.value) {
        (Type::Nested(keys), Raw::List(group)) => nested(keys, group, errors),
        (Type::Types, Raw::List(group)) => types(group, errors),
        (Type::Crates, Raw::List(group)) => crates(group, errors),
        (Type::Nested(_) | Type::Types | Type::Crates, _) => {
            let example = example(option);
            errors.push(&entry.name, format!("`{}` is a list: write `{example}`", entry.name));
            None
        }
        (_, Raw::List(group)) => {
            let example = example(option);
            errors.push(group, format!("`{}` is not a list: write `{example}`", entry.name));
            None
        }
        (_, Raw::Word | Raw::Missing) => {
            let message = format!("`{}` has no value: write `{}`", entry.name, example(option));
            errors.push(&entry.name, message);
            None
        }
        (_, Raw::Expr(expr)) => single(option, expr, errors),
    }
}

fn single(option: &'static Opt, expr: &Expr, errors: &mut Errors) -> Option<Value> {
    let result = match (&option.kind, expr) {
        (Type::Workers, Expr::Path(path)) if path.path.is_ident("auto") => {
            Ok(Value::Workers(WorkerCount::Auto))
        }
        (Type::Addresses, Expr::Array(array)) => return addresses(array, errors),
        (_, Expr::Lit(ExprLit { lit, .. })) => literal(option, lit),
        (Type::Integer, Expr::Unary(unary)) if matches!(*unary.expr, Expr::Lit(_)) => {
            Ok(Value::Nothing)
        }
        (Type::Choice(words), _) => Err(syn::Error::new_spanned(
            expr,
            format!("`{}` is one of the words {}", option.name, choices(words)),
        )),
        (kind, Expr::Unary(unary)) if is_number(kind) && matches!(*unary.expr, Expr::Lit(_)) => {
            Err(syn::Error::new_spanned(expr, format!("`{}` cannot be negative", option.name)))
        }
        _ => Ok(Value::Expr(expr.clone())),
    };
    result.map_err(|error| errors.absorb(error)).ok()
}

fn is_number(kind: &Type) -> bool {
    matches!(kind, Type::Workers | Type::Count(..) | Type::Size | Type::Duration | Type::Octal)
}

fn literal(option: &'static Opt, literal: &Lit) -> syn::Result<Value> {
    match (&option.kind, literal) {
        (Type::Text, Lit::Str(text)) => self::text(option, text),
        (Type::Addresses, Lit::Str(text)) => address(text).map(|()| Value::Text(text.clone())),
        (Type::Workers, Lit::Int(number)) => workers(number),
        (Type::Workers, Lit::Str(text)) if text.value() == "auto" => {
            Ok(Value::Workers(WorkerCount::Auto))
        }
        (Type::Workers, Lit::Str(text)) if text.value().contains("..") => Err(no_effect(text)),
        (Type::Count(least, rust), Lit::Int(number)) => count(option.name, *least, rust, number),
        (Type::Integer, Lit::Int(_)) => Ok(Value::Nothing),
        (Type::Duration, Lit::Str(text)) => duration(text),
        (Type::Size, Lit::Int(number)) => {
            number.base10_parse().map(|bytes| Value::Number(bytes, "u64", number.span()))
        }
        (Type::Size, Lit::Str(text)) => size(text),
        (Type::Flag, Lit::Bool(flag)) => Ok(Value::Flag(flag.clone())),
        (Type::Octal, Lit::Int(number)) => octal_number(option.name, number),
        (Type::Octal, Lit::Str(text)) => octal_text(option.name, text),
        (Type::Choice(words), Lit::Str(text)) => choice(words, text),
        _ => Err(mismatch(option, literal)),
    }
}

fn mismatch(option: &Opt, literal: &Lit) -> syn::Error {
    let found = match literal {
        Lit::Str(_) => "a string",
        Lit::Int(_) => "an integer",
        Lit::Bool(_) => "a boolean",
        Lit::Float(_) => "a decimal number",
        _ => "another literal",
    };
    let example = match (&option.kind, literal) {
        // what is meant is in the quotes already
        (Type::Workers | Type::Count(..) | Type::Integer, Lit::Str(text))
            if text.value().parse::<u64>().is_ok() =>
        {
            format!("{} = {}", option.name, text.value())
        }
        (Type::Flag, Lit::Str(text)) if matches!(text.value().as_str(), "true" | "false") => {
            format!("{} = {}", option.name, text.value())
        }
        (Type::Duration, Lit::Int(number)) => {
            format!("{} = \"{}s\"", option.name, number.base10_digits())
        }
        _ => example(option),
    };
    let expected = expected(&option.kind);
    let message = format!("expected {expected}, found {found}: write `{example}`");
    syn::Error::new(literal.span(), message)
}

fn expected(kind: &Type) -> &'static str {
    match kind {
        Type::Text | Type::Addresses | Type::Choice(_) => "a string",
        Type::Workers | Type::Count(..) | Type::Integer => "an integer",
        Type::Duration => "a duration",
        Type::Size => "a size",
        Type::Flag => "a boolean",
        Type::Octal => "an octal number",
        Type::Nested(_) | Type::Types | Type::Crates => "a list",
    }
}

/// How the option is written.
fn example(option: &Opt) -> String {
    let name = option.name;
    match option.kind {
        Type::Text => format!("{name} = \"…\""),
        Type::Addresses => format!("{name} = \"127.0.0.1:8080\""),
        Type::Workers | Type::Count(..) | Type::Integer => format!("{name} = 10"),
        Type::Duration => format!("{name} = \"30s\""),
        Type::Size => format!("{name} = \"64KiB\""),
        Type::Flag => format!("{name} = true"),
        Type::Octal => format!("{name} = 0o027"),
        Type::Choice(words) => format!("{name} = \"{}\"", words[0].word),
        Type::Nested([]) => format!("{name}(… = …)"),
        Type::Nested(keys) => format!("{name}({} = \"…\")", keys.join(" = \"…\", ")),
        Type::Types => format!("{name}(Api, Echo)"),
        Type::Crates => format!("{name}(handlers)"),
    }
}

fn no_effect(place: &LitStr) -> syn::Error {
    let message = format!("`\"{}\"` has no effect yet in this version; remove it", place.value());
    syn::Error::new(place.span(), message)
}

fn text(option: &Opt, text: &LitStr) -> syn::Result<Value> {
    if text.value().trim().is_empty() {
        let message = format!("`{}` is empty", option.name);
        return Err(syn::Error::new(text.span(), message));
    }
    if text.value().contains('\0') {
        let message = format!("`{}` contains a zero byte", option.name);
        return Err(syn::Error::new(text.span(), message));
    }
    Ok(Value::Text(text.clone()))
}

fn addresses(array: &syn::ExprArray, errors: &mut Errors) -> Option<Value> {
    let mut literals: Vec<LitStr> = Vec::new();
    let mut right = true;
    if array.elems.is_empty() {
        errors.push(array, "list at least one address, e.g. `bind = [\"127.0.0.1:8080\"]`");
        right = false;
    }
    for element in &array.elems {
        let Expr::Lit(ExprLit { lit, .. }) = element else {
            continue;
        };
        let Lit::Str(text) = lit else {
            errors.push(lit, "an address is a string, e.g. \"127.0.0.1:8080\"");
            right = false;
            continue;
        };
        if let Err(error) = address(text) {
            errors.absorb(error);
            right = false;
        } else if literals.iter().any(|other| other.value() == text.value())
            && !text.value().ends_with(":0")
        {
            errors.push(text, format!("`{}` is listed twice", text.value()));
            right = false;
        }
        literals.push(text.clone());
    }
    if !right {
        None
    } else if literals.len() == array.elems.len() {
        Some(Value::Texts(literals))
    } else {
        Some(Value::Expr(Expr::Array(array.clone())))
    }
}

fn address(text: &LitStr) -> syn::Result<()> {
    let value = text.value();
    if value.parse::<std::net::SocketAddr>().is_ok() {
        return Ok(());
    }
    if value.starts_with("fd:") || value.starts_with("systemd:") {
        return Err(no_effect(text));
    }
    let help = match value.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(_)) => format!("add a port: \"{value}:8080\""),
        Ok(std::net::IpAddr::V6(_)) => format!("add a port: \"[{value}]:8080\""),
        Err(_) => "write \"127.0.0.1:8080\" or \"[::]:8080\"".to_owned(),
    };
    let message = format!("`{value}` is not a socket address\nhelp: {help}");
    Err(syn::Error::new(text.span(), message))
}

fn workers(number: &LitInt) -> syn::Result<Value> {
    let count: u32 = number.base10_parse()?;
    if count == 0 {
        let message = "`workers` must be at least 1\nhelp: write `workers = auto` for one per core";
        return Err(syn::Error::new(number.span(), message));
    }
    Ok(Value::Workers(WorkerCount::Fixed(count, number.span())))
}

fn count(name: &str, least: u64, rust: &'static str, number: &LitInt) -> syn::Result<Value> {
    let count: u64 = number.base10_parse()?;
    let most = if rust == "u32" { u64::from(u32::MAX) } else { u64::MAX };
    if count < least {
        let message = format!("`{name}` must be at least {least}");
        Err(syn::Error::new(number.span(), message))
    } else if count > most {
        Err(syn::Error::new(number.span(), format!("`{name}` must be at most {most}")))
    } else {
        Ok(Value::Number(count, rust, number.span()))
    }
}

/// A number and the letters behind it.
fn split_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim_start()))
}

fn duration(text: &LitStr) -> syn::Result<Value> {
    let value = text.value();
    let parsed = split_unit(&value).and_then(|(number, unit)| match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(60 * 60).map(Duration::from_secs),
        _ => None,
    });
    parsed.map(|duration| Value::Duration(duration, text.span())).ok_or_else(|| {
        let message = format!(
            "`{value}` is not a duration\nhelp: write a whole number with a unit: \"500ms\", \
             \"30s\", \"5m\" or \"1h\""
        );
        syn::Error::new(text.span(), message)
    })
}

fn size(text: &LitStr) -> syn::Result<Value> {
    let value = text.value();
    let parsed = split_unit(&value).and_then(|(number, unit)| {
        let factor = match unit {
            "" | "B" => 1,
            "kB" | "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        };
        number.checked_mul(factor)
    });
    parsed.map(|bytes| Value::Number(bytes, "u64", text.span())).ok_or_else(|| {
        let message = format!(
            "`{value}` is not a size\nhelp: write a whole number with a unit: \"512B\", \
             \"64KiB\", \"1MiB\" or \"10MB\""
        );
        syn::Error::new(text.span(), message)
    })
}

fn octal_number(name: &str, number: &LitInt) -> syn::Result<Value> {
    let written = number.to_string();
    if !written.starts_with("0o") && written != "0" {
        let digits = number.base10_digits();
        let message = format!("`{name}` is octal: write `0o{digits:0>3}` or \"{digits:0>3}\"");
        return Err(syn::Error::new(number.span(), message));
    }
    octal(name, number.base10_parse()?, number.span())
}

fn octal_text(name: &str, text: &LitStr) -> syn::Result<Value> {
    let value = text.value();
    let digits = value.strip_prefix("0o").unwrap_or(&value);
    match u64::from_str_radix(digits, 8) {
        Ok(bits) if !digits.starts_with('+') => octal(name, bits, text.span()),
        _ => {
            let message = format!("`{value}` is not an octal number: write `0o027` or \"027\"");
            Err(syn::Error::new(text.span(), message))
        }
    }
}

fn octal(name: &str, bits: u64, span: Span) -> syn::Result<Value> {
    if bits > 0o777 {
        return Err(syn::Error::new(span, format!("`{name}` must be at most `0o777`")));
    }
    Ok(Value::Number(bits, "u32", span))
}

fn choice(words: &'static [Word], text: &LitStr) -> syn::Result<Value> {
    let value = text.value();
    match words.iter().find(|word| word.word == value) {
        Some(word) if word.state == State::Planned => Err(no_effect(text)),
        Some(word) => Ok(Value::Choice(word.variant)),
        None => {
            let meant = suggestion(&value, words.iter().map(|word| word.word));
            let message = format!("unknown value `{value}`, expected {}{meant}", choices(words));
            Err(syn::Error::new(text.span(), message))
        }
    }
}

fn choices(words: &[Word]) -> String {
    let words: Vec<_> = words
        .iter()
        .filter(|word| word.state == State::Available)
        .map(|word| format!("\"{}\"", word.word))
        .collect();
    words.join(" or ")
}

fn nested(keys: &[&str], group: &Group, errors: &mut Errors) -> Option<Value> {
    let Arguments { entries, .. } = arguments(group.stream(), errors);
    if entries.is_empty() {
        errors.push(group, "the list is empty");
        return None;
    }
    let mut right = true;
    for entry in &entries {
        let name = entry.name.to_string();
        if !keys.is_empty() && !keys.contains(&name.as_str()) {
            let (meant, all) =
                (suggestion(&name, keys.iter().copied()), list(keys.iter().copied()));
            let message = format!("unknown argument `{name}`, expected one of: {all}{meant}");
            errors.push(&entry.name, message);
            right = false;
        } else if entry.literal().is_none() && !matches!(entry.value, Raw::Expr(_)) {
            errors.push(&entry.name, format!("`{name}` has no value: write `{name} = …`"));
            right = false;
        }
    }
    right.then_some(Value::Nothing)
}

fn types(group: &Group, errors: &mut Errors) -> Option<Value> {
    let parser = Punctuated::<syn::Type, Token![,]>::parse_terminated;
    let types = match parser.parse2(group.stream()) {
        Ok(types) => types,
        Err(error) => {
            errors.absorb(error);
            return None;
        }
    };
    if types.is_empty() {
        errors.push(group, "list at least one server, e.g. `servers(Api)`");
        return None;
    }
    let mut seen: Vec<String> = Vec::new();
    let mut right = true;
    for listed in &types {
        let name = quote!(#listed).to_string();
        if seen.contains(&name) {
            let name = name.replace(' ', "");
            errors.push(listed, format!("`{name}` is listed twice"));
            right = false;
        }
        seen.push(name);
    }
    right.then(|| Value::Types(types.into_iter().collect()))
}

fn crates(group: &Group, errors: &mut Errors) -> Option<Value> {
    let parser = Punctuated::<Ident, Token![,]>::parse_terminated;
    match parser.parse2(group.stream()) {
        Ok(crates) if crates.is_empty() => {
            errors.push(group, "name at least one crate, e.g. `include(handlers)`");
            None
        }
        Ok(crates) => Some(Value::Crates(crates.into_iter().collect())),
        Err(_) => {
            errors.push(group, "`include` takes the names of crates, e.g. `include(handlers)`");
            None
        }
    }
}
