//! The values of options: each type of the table has one small reader.

mod list;
mod number;

use crate::diag::{Errors, suggestion};
use crate::model::Value;
use crate::options::{Opt, Type, Word};
use crate::parse::{Entry, Raw};
use syn::{Expr, ExprLit, Lit, LitStr};

/// The value of an entry, when it has the type of the option.
pub(crate) fn value(option: &'static Opt, entry: &Entry, errors: &mut Errors) -> Option<Value> {
    match (&option.kind, &entry.value) {
        (Type::Nested(keys), Raw::List(group)) => list::nested(keys, group, errors),
        (Type::Limits(table), Raw::List(group)) => list::limits(table, group, errors),
        (Type::Types, Raw::List(group)) => list::types(group, errors),
        (Type::Crates, Raw::List(group)) => list::crates(group, errors),
        (Type::Nested(_) | Type::Limits(_) | Type::Types | Type::Crates, _) => {
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
        (kind, Expr::Path(path)) if path.path.get_ident().is_some() => {
            let word = path.path.get_ident().and_then(|name| word(kind, &name.to_string()));
            word.map_or_else(|| other(option, expr), Ok)
        }
        (Type::Addresses, Expr::Array(array)) => return list::addresses(array, errors),
        (Type::Capabilities, Expr::Array(array)) => return list::capabilities(array, errors),
        (Type::Cores, Expr::Array(array)) => list::cores(array),
        (Type::Workers, Expr::Range(range)) => {
            number::range_expr(range).unwrap_or_else(|| other(option, expr))
        }
        (Type::Integer(min, max), Expr::Unary(unary)) => {
            number::negative(option, (*min, *max), unary)
        }
        (_, Expr::Lit(ExprLit { lit, .. })) => literal(option, lit),
        _ => other(option, expr),
    };
    result.map_err(|error| errors.absorb(error)).ok()
}

/// An expression whose value only the compiler knows.
fn other(option: &Opt, expr: &Expr) -> syn::Result<Value> {
    match (&option.kind, expr) {
        (Type::Choice(words), _) => Err(syn::Error::new_spanned(
            expr,
            format!("`{}` is one of the words {}", option.name, choices(words)),
        )),
        (kind, Expr::Unary(unary)) if is_number(kind) && matches!(*unary.expr, Expr::Lit(_)) => {
            Err(syn::Error::new_spanned(expr, format!("`{}` cannot be negative", option.name)))
        }
        _ => Ok(Value::Expr(expr.clone())),
    }
}

/// What a word means that stands for a value, with quotes or without.
fn word(kind: &Type, word: &str) -> Option<Value> {
    match (kind, word) {
        (Type::Workers, "auto") => Some(Value::Choice(("Workers", "Auto"))),
        (Type::Cores, "auto") => Some(Value::Choice(("CpuAffinity", "Auto"))),
        (Type::DurationOrOff, "off") => Some(Value::Off),
        (Type::CountLimit | Type::SizeLimit, "unlimited") => {
            Some(Value::Choice(("Limit", "Unlimited")))
        }
        _ => None,
    }
}

fn is_number(kind: &Type) -> bool {
    matches!(
        kind,
        Type::Workers
            | Type::Share
            | Type::Count(..)
            | Type::Cap
            | Type::CountLimit
            | Type::Size
            | Type::SizeLimit
            | Type::Duration
            | Type::DurationOrOff
            | Type::Octal
    )
}

fn literal(option: &'static Opt, literal: &Lit) -> syn::Result<Value> {
    if let Lit::Str(text) = literal
        && let Some(value) = word(&option.kind, &text.value())
    {
        return Ok(value);
    }
    match (&option.kind, literal) {
        (Type::Text, Lit::Str(text)) => self::text(option, text),
        (Type::Addresses, Lit::Str(text)) => {
            list::address(text).map(|()| Value::Text(text.clone()))
        }
        (Type::Workers, Lit::Int(number)) => number::workers(number),
        (Type::Workers, Lit::Str(text)) if text.value().contains("..") => number::range_text(text),
        (Type::Share, Lit::Int(number)) => number::count(option.name, 0, "u32", number),
        (Type::Share, Lit::Str(text)) if text.value().contains('%') => {
            number::percentage(option.name, text)
        }
        (Type::Cores, Lit::Str(text)) => list::cores_text(text),
        (Type::Capabilities, Lit::Str(text)) => {
            list::capability(text).map(|variant| Value::Capabilities(vec![variant]))
        }
        (Type::Count(least, rust), Lit::Int(number)) => {
            number::count(option.name, *least, rust, number)
        }
        (Type::Cap, Lit::Int(number)) => number::cap(option.name, number),
        (Type::CountLimit, Lit::Int(number)) => number::count(option.name, 1, "u64", number),
        (Type::Integer(min, max), Lit::Int(number)) => {
            number::integer(option, (*min, *max), number)
        }
        (Type::Duration | Type::DurationOrOff, Lit::Str(text)) => number::duration(text),
        (Type::Size | Type::SizeLimit, Lit::Int(number)) => {
            number::count(option.name, 0, "u64", number)
        }
        (Type::Size | Type::SizeLimit, Lit::Str(text)) => number::size(text),
        (Type::Flag, Lit::Bool(flag)) => Ok(Value::Flag(flag.clone())),
        (Type::Octal, Lit::Int(number)) => number::octal_number(option.name, number),
        (Type::Octal, Lit::Str(text)) => number::octal_text(option.name, text),
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
        (kind, Lit::Str(text))
            if expected(kind).starts_with("an integer") && text.value().parse::<i64>().is_ok() =>
        {
            format!("{} = {}", option.name, text.value())
        }
        (Type::Cores, Lit::Int(number)) => {
            format!("{} = [{}]", option.name, number.base10_digits())
        }
        (Type::Flag, Lit::Str(text)) if matches!(text.value().as_str(), "true" | "false") => {
            format!("{} = {}", option.name, text.value())
        }
        (Type::Duration | Type::DurationOrOff, Lit::Int(number)) => {
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
        Type::Workers | Type::Count(..) | Type::Cap | Type::CountLimit | Type::Integer(..) => {
            "an integer"
        }
        Type::Share => "an integer or a percentage",
        Type::Duration | Type::DurationOrOff => "a duration",
        Type::Size | Type::SizeLimit => "a size",
        Type::Flag => "a boolean",
        Type::Octal => "an octal number",
        Type::Cores => "a list of cores",
        Type::Capabilities => "a list of capabilities",
        Type::Nested(_) | Type::Limits(_) | Type::Types | Type::Crates => "a list",
    }
}

/// How the option is written.
fn example(option: &Opt) -> String {
    let name = option.name;
    match option.kind {
        Type::Text => format!("{name} = \"…\""),
        Type::Addresses => format!("{name} = \"127.0.0.1:8080\""),
        Type::Workers | Type::Count(..) | Type::Cap | Type::Integer(..) => format!("{name} = 10"),
        Type::CountLimit => format!("{name} = 65536"),
        Type::Share => format!("{name} = \"25%\""),
        Type::Duration | Type::DurationOrOff => format!("{name} = \"30s\""),
        Type::Size | Type::SizeLimit => format!("{name} = \"1MiB\""),
        Type::Flag => format!("{name} = true"),
        Type::Octal => format!("{name} = 0o027"),
        Type::Cores => format!("{name} = \"0-3,8\""),
        Type::Capabilities => format!("{name} = [\"net_bind_service\"]"),
        Type::Choice(words) => format!("{name} = \"{}\"", words[0].word),
        Type::Nested([]) => format!("{name}(… = …)"),
        Type::Nested(keys) => format!("{name}({} = \"…\")", keys.join(" = \"…\", ")),
        Type::Limits(table) => format!("{name}({})", example(&table[0])),
        Type::Types => format!("{name}(Api, Echo)"),
        Type::Crates => format!("{name}(handlers)"),
    }
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

fn choice(words: &'static [Word], text: &LitStr) -> syn::Result<Value> {
    let value = text.value();
    match words.iter().find(|word| word.word == value) {
        Some(word) => Ok(Value::Choice(word.variant)),
        None => {
            let meant = suggestion(&value, words.iter().map(|word| word.word));
            let message = format!("unknown value `{value}`, expected {}{meant}", choices(words));
            Err(syn::Error::new(text.span(), message))
        }
    }
}

fn choices(words: &[Word]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("\"{}\"", word.word)).collect();
    words.join(" or ")
}
