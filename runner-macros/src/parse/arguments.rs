//! The arguments of an attribute: `http, name = value, name(…), crate = path`.

use crate::diag::Errors;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, ExprLit, Ident, Lit, LitStr, Path, Token, token};

/// Everything between the parentheses of an attribute.
#[derive(Default)]
pub(crate) struct Arguments {
    /// The value of `crate = …`.
    pub(crate) root: Option<Path>,
    pub(crate) entries: Vec<Entry>,
}

/// One argument.
pub(crate) struct Entry {
    pub(crate) name: Ident,
    pub(crate) value: Raw,
}

/// What follows the name of an argument.
pub(crate) enum Raw {
    /// Nothing.
    Word,
    /// `=` and nothing.
    Missing,
    /// `= expression`
    Expr(Expr),
    /// `(…)`
    List(Group),
}

/// Reads the arguments; each one that cannot be read is an error.
pub(crate) fn arguments(tokens: TokenStream, errors: &mut Errors) -> Arguments {
    let mut arguments = Arguments::default();
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            let read = argument(input, &mut arguments, errors);
            if let Err(error) = read.and_then(|()| comma(input, errors)) {
                errors.absorb(error);
                skip_to_next(input)?;
            }
        }
        Ok(())
    };
    if let Err(error) = parser.parse2(tokens) {
        errors.absorb(error);
    }
    arguments
}

fn argument(
    input: ParseStream<'_>,
    arguments: &mut Arguments,
    errors: &mut Errors,
) -> syn::Result<()> {
    if input.peek(Token![crate]) {
        input.parse::<Token![crate]>()?;
        input.parse::<Token![=]>()?;
        root(input, arguments, errors)
    } else {
        let name = name(input)?;
        let value = value(input)?;
        arguments.entries.push(Entry { name, value });
        Ok(())
    }
}

fn root(input: ParseStream<'_>, arguments: &mut Arguments, errors: &mut Errors) -> syn::Result<()> {
    if input.peek(LitStr) {
        let literal: LitStr = input.parse()?;
        let value = literal.value();
        errors.push(literal, format!("write it without quotes: `crate = {value}`"));
    } else {
        let path = input.call(Path::parse_mod_style)?;
        if arguments.root.is_some() {
            errors.push(&path, "`crate` specified more than once");
        }
        arguments.root = Some(path);
    }
    Ok(())
}

fn name(input: ParseStream<'_>) -> syn::Result<Ident> {
    if input.peek(Lit) {
        let literal: Lit = input.parse()?;
        let message = "expected an option, found a value: write `name = value`";
        return Err(syn::Error::new(literal.span(), message));
    }
    input.call(Ident::parse_any)
}

fn value(input: ParseStream<'_>) -> syn::Result<Raw> {
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        if input.is_empty() || input.peek(Token![,]) {
            return Ok(Raw::Missing);
        }
        input.parse().map(ungrouped).map(Raw::Expr)
    } else if input.peek(token::Paren) {
        match input.parse()? {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
                Ok(Raw::List(group))
            }
            other => Err(syn::Error::new_spanned(other, "expected `(…)`")),
        }
    } else {
        Ok(Raw::Word)
    }
}

/// A value that comes through a `macro_rules!` is wrapped in invisible delimiters.
fn ungrouped(expr: Expr) -> Expr {
    match expr {
        Expr::Group(group) => ungrouped(*group.expr),
        other => other,
    }
}

fn comma(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        input.parse::<Option<Token![,]>>().map(drop)
    } else if input.peek(Ident::peek_any) {
        // only the comma is missing: what follows is read as the next argument
        errors.absorb(input.error("expected `,`"));
        Ok(())
    } else {
        Err(input.error("expected `,`"))
    }
}

fn skip_to_next(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    input.parse::<Option<Token![,]>>().map(drop)
}

impl Entry {
    /// The literal that stands as its value.
    pub(crate) fn literal(&self) -> Option<&Lit> {
        match &self.value {
            Raw::Expr(Expr::Lit(ExprLit { lit, .. })) => Some(lit),
            _ => None,
        }
    }
}
