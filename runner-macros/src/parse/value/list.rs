//! Lists: in brackets, in parentheses and in strings.

use super::value;
use crate::capabilities::{self, variant};
use crate::diag::{Errors, list, suggestion};
use crate::model::{Setting, Value};
use crate::options::{self, Opt};
use crate::parse::{Arguments, Raw, arguments};
use proc_macro2::Group;
use quote::{format_ident, quote};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr, ExprArray, ExprLit, Ident, Lit, LitStr, Token};

/// The cores that the kernel's fixed set of them has room for.
const CORES_MAX: u32 = 1024;

pub(super) fn addresses(array: &ExprArray, errors: &mut Errors) -> Option<Value> {
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

pub(super) fn address(text: &LitStr) -> syn::Result<()> {
    let value = text.value();
    if value.parse::<std::net::SocketAddr>().is_ok() || is_unix_or_inherited(&value) {
        return Ok(());
    }
    let help = match value.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(_)) => format!("add a port: \"{value}:8080\""),
        Ok(std::net::IpAddr::V6(_)) => format!("add a port: \"[{value}]:8080\""),
        Err(_) => "write \"127.0.0.1:8080\" or \"[::]:8080\"".to_owned(),
    };
    let message = format!("`{value}` is not a socket address\nhelp: {help}");
    Err(syn::Error::new(text.span(), message))
}

/// What is wrong with the rest of these, if anything, is told when the program starts.
fn is_unix_or_inherited(address: &str) -> bool {
    let schemes = ["unix:", "fd:", "systemd:"];
    address == "systemd"
        || address.starts_with(['/', '.', '@'])
        || schemes.iter().any(|scheme| address.starts_with(scheme))
}

/// The names of capabilities; an element that is no literal is one as the compiler sees it.
pub(super) fn capabilities(array: &ExprArray, errors: &mut Errors) -> Option<Value> {
    let mut variants: Vec<String> = Vec::new();
    let mut right = true;
    for element in &array.elems {
        let Expr::Lit(ExprLit { lit, .. }) = element else {
            continue;
        };
        let Lit::Str(name) = lit else {
            errors.push(lit, "a capability is a string, e.g. \"net_bind_service\"");
            right = false;
            continue;
        };
        match capability(name) {
            Ok(variant) if variants.contains(&variant) => {
                errors.push(name, format!("`{}` is listed twice", name.value()));
                right = false;
            }
            Ok(variant) => variants.push(variant),
            Err(error) => {
                errors.absorb(error);
                right = false;
            }
        }
    }
    if !right {
        None
    } else if variants.len() == array.elems.len() {
        Some(Value::Capabilities(variants))
    } else {
        Some(Value::Expr(Expr::Array(array.clone())))
    }
}

/// The variant of the runtime's enum that stands for the name of a capability.
pub(super) fn capability(text: &LitStr) -> syn::Result<String> {
    let value = text.value();
    let name = value.to_ascii_lowercase();
    let name = name.strip_prefix("cap_").unwrap_or(&name);
    if capabilities::NAMES.contains(&name) {
        return Ok(variant(name));
    }
    let meant = match suggestion(name, capabilities::NAMES) {
        meant if meant.is_empty() => "\nnote: capabilities(7) lists them".to_owned(),
        meant => meant,
    };
    Err(syn::Error::new(text.span(), format!("unknown capability `{value}`{meant}")))
}

/// `[0, 1]`; an element that is no literal is for the compiler to check.
pub(super) fn cores(array: &ExprArray) -> syn::Result<Value> {
    let mut cores = Vec::new();
    for element in &array.elems {
        match element {
            Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => {
                let core = number.base10_parse()?;
                add_cores(core, core, &mut cores)
                    .map_err(|message| syn::Error::new(number.span(), message))?;
            }
            Expr::Lit(other) => {
                return Err(syn::Error::new_spanned(other, "a core is a number: write `[0, 1]`"));
            }
            _ => return Ok(Value::Expr(Expr::Array(array.clone()))),
        }
    }
    if cores.is_empty() {
        let message = "list at least one core, e.g. `cpu_affinity = [0, 1]`";
        return Err(syn::Error::new_spanned(array, message));
    }
    Ok(Value::Cores(cores, array.span()))
}

/// `"0-3,8"`
pub(super) fn cores_text(text: &LitStr) -> syn::Result<Value> {
    let error = |message: String| syn::Error::new(text.span(), message);
    let mut cores = Vec::new();
    for part in text.value().split(',').map(str::trim) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let bounds = first.trim().parse().ok().zip(last.trim().parse().ok());
        let Some((first, last)) = bounds else {
            return Err(error(format!(
                "`{part}` is not a core: write `auto` or a list such as \"0-3,8\""
            )));
        };
        add_cores(first, last, &mut cores).map_err(error)?;
    }
    Ok(Value::Cores(cores, text.span()))
}

fn add_cores(first: u32, last: u32, cores: &mut Vec<u32>) -> Result<(), String> {
    if last < first {
        return Err(format!("`{first}-{last}` ends before it begins: write \"{last}-{first}\""));
    }
    if CORES_MAX <= last {
        return Err(format!("a core must be at most {}", CORES_MAX - 1));
    }
    for core in first..=last {
        if cores.contains(&core) {
            return Err(format!("core {core} is listed twice"));
        }
        cores.push(core);
    }
    Ok(())
}

/// `rlimits(nofile = 1024, …)`: a setting for each, called as the option of the runtime.
pub(super) fn limits(table: &'static [Opt], group: &Group, errors: &mut Errors) -> Option<Value> {
    let before = errors.count();
    let Arguments { entries, .. } = arguments(group.stream(), errors);
    if entries.is_empty() && errors.count() == before {
        errors.push(group, "the list is empty");
    }
    let mut settings: Vec<Setting> = Vec::new();
    for entry in &entries {
        let name = entry.name.to_string();
        let Some(option) = options::find(table, &name) else {
            errors.push(&entry.name, unknown_argument(&name, options::names(table)));
            continue;
        };
        let setter = format_ident!("rlimit_{name}");
        if settings.iter().any(|setting| setting.name == setter) {
            errors.push(&entry.name, format!("`{name}` specified more than once"));
            continue;
        }
        if let Some(value) = value(option, entry, errors) {
            settings.push(Setting { name: setter, value });
        }
    }
    (errors.count() == before).then_some(Value::Table(settings))
}

pub(super) fn nested(keys: &[&'static str], group: &Group, errors: &mut Errors) -> Option<Value> {
    let Arguments { entries, .. } = arguments(group.stream(), errors);
    if entries.is_empty() {
        errors.push(group, "the list is empty");
        return None;
    }
    let mut right = true;
    for entry in &entries {
        let name = entry.name.to_string();
        if !keys.is_empty() && !keys.contains(&name.as_str()) {
            errors.push(&entry.name, unknown_argument(&name, keys.iter().copied()));
            right = false;
        } else if entry.literal().is_none() && !matches!(entry.value, Raw::Expr(_)) {
            errors.push(&entry.name, format!("`{name}` has no value: write `{name} = …`"));
            right = false;
        }
    }
    right.then_some(Value::Nothing)
}

fn unknown_argument(name: &str, known: impl Iterator<Item = &'static str> + Clone) -> String {
    let (meant, all) = (suggestion(name, known.clone()), list(known));
    format!("unknown argument `{name}`, expected one of: {all}{meant}")
}

pub(super) fn types(group: &Group, errors: &mut Errors) -> Option<Value> {
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

pub(super) fn crates(group: &Group, errors: &mut Errors) -> Option<Value> {
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
