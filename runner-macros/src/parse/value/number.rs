//! Numbers, with and without a unit.

use crate::model::Value;
use crate::options::Opt;
use proc_macro2::Span;
use std::time::Duration;
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, ExprRange, ExprUnary, Lit, LitInt, LitStr, RangeLimits, UnOp};

pub(super) fn workers(number: &LitInt) -> syn::Result<Value> {
    let count: u32 = number.base10_parse()?;
    at_least_one_worker(count, number.span())?;
    Ok(Value::Number(count.into(), "u32", number.span()))
}

/// `"4..=16"`
pub(super) fn range_text(text: &LitStr) -> syn::Result<Value> {
    let value = text.value();
    let bounds = value.split_once("..=").and_then(|(min, max)| {
        let bound = |text: &str| text.trim().parse::<u32>().ok();
        bound(min).zip(bound(max))
    });
    let Some((min, max)) = bounds else {
        let message = format!("`{value}` is not a range of workers: write \"4..=16\"");
        return Err(syn::Error::new(text.span(), message));
    };
    range(min, max, text.span())
}

/// `4..=16`; nothing when a bound is not a literal.
pub(super) fn range_expr(expr: &ExprRange) -> Option<syn::Result<Value>> {
    let bound = |bound: &Option<Box<Expr>>| match bound.as_deref() {
        Some(Expr::Lit(ExprLit { lit: Lit::Int(number), .. })) => number.base10_parse().ok(),
        _ => None,
    };
    let (min, max): (u32, u32) = (bound(&expr.start)?, bound(&expr.end)?);
    Some(match expr.limits {
        RangeLimits::Closed(_) => range(min, max, expr.span()),
        RangeLimits::HalfOpen(_) => {
            let message = format!("a range of workers has both its ends: write `{min}..={max}`");
            Err(syn::Error::new_spanned(expr, message))
        }
    })
}

fn range(min: u32, max: u32, span: Span) -> syn::Result<Value> {
    at_least_one_worker(min, span)?;
    if max < min {
        let message =
            format!("the range {min}..={max} ends before it begins: write \"{max}..={min}\"");
        return Err(syn::Error::new(span, message));
    }
    Ok(Value::Range(min, max, span))
}

fn at_least_one_worker(count: u32, span: Span) -> syn::Result<()> {
    if count == 0 {
        let message = "`workers` must be at least 1\nhelp: write `workers = auto` for one per core";
        return Err(syn::Error::new(span, message));
    }
    Ok(())
}

pub(super) fn count(
    name: &str,
    least: u64,
    rust: &'static str,
    number: &LitInt,
) -> syn::Result<Value> {
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

/// A number that is there or not: a zero could mean either.
pub(super) fn cap(name: &str, number: &LitInt) -> syn::Result<Value> {
    if number.base10_parse::<u64>()? == 0 {
        let message = format!("`{name}` must be at least 1\nhelp: leave it out for no limit");
        return Err(syn::Error::new(number.span(), message));
    }
    count(name, 1, "u64", number)
}

pub(super) fn integer(option: &Opt, bounds: (i32, i32), number: &LitInt) -> syn::Result<Value> {
    signed(option, bounds, number.base10_parse()?, number.span())
}

/// `-5`
pub(super) fn negative(option: &Opt, bounds: (i32, i32), expr: &ExprUnary) -> syn::Result<Value> {
    match (&expr.op, &*expr.expr) {
        (UnOp::Neg(_), Expr::Lit(ExprLit { lit: Lit::Int(number), .. })) => {
            signed(option, bounds, -number.base10_parse::<i64>()?, expr.span())
        }
        _ => Ok(Value::Expr(Expr::Unary(expr.clone()))),
    }
}

fn signed(option: &Opt, (min, max): (i32, i32), number: i64, span: Span) -> syn::Result<Value> {
    match i32::try_from(number) {
        Ok(number) if (min..=max).contains(&number) => Ok(Value::Signed(number, span)),
        _ => {
            let message = format!("`{}` must be from {min} to {max}", option.name);
            Err(syn::Error::new(span, message))
        }
    }
}

/// `"25%"`
pub(super) fn percentage(name: &str, text: &LitStr) -> syn::Result<Value> {
    let value = text.value();
    let percent = value.strip_suffix('%').and_then(|number| number.trim_end().parse().ok());
    let message = match percent {
        Some(percent) if percent <= 100 => return Ok(Value::Percent(percent, text.span())),
        Some(_) => format!("`{name}` must be at most 100%"),
        None => format!("`{value}` is not a percentage: write a whole number, as in \"25%\""),
    };
    Err(syn::Error::new(text.span(), message))
}

/// A number and the letters behind it.
fn split_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim_start()))
}

pub(super) fn duration(text: &LitStr) -> syn::Result<Value> {
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

pub(super) fn size(text: &LitStr) -> syn::Result<Value> {
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

pub(super) fn octal_number(name: &str, number: &LitInt) -> syn::Result<Value> {
    let written = number.to_string();
    if !written.starts_with("0o") && written != "0" {
        let digits = number.base10_digits();
        let message = format!("`{name}` is octal: write `0o{digits:0>3}` or \"{digits:0>3}\"");
        return Err(syn::Error::new(number.span(), message));
    }
    octal(name, number.base10_parse()?, number.span())
}

pub(super) fn octal_text(name: &str, text: &LitStr) -> syn::Result<Value> {
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
