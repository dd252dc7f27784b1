//! The item under an attribute. Bodies are not looked into: what is wrong in one is for the
//! compiler to say, and a handler that is being typed keeps its signature.

use crate::diag::Errors;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::quote;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Generics, Ident, Path, Signature, Token, Type, Visibility, WhereClause};

/// The item under an attribute.
pub(crate) enum Item {
    Impl(Box<Impl>),
    Struct(Struct),
    /// Anything else, and its first tokens.
    Other(TokenStream),
}

/// `impl T { … }`
pub(crate) struct Impl {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) unsafety: Option<Token![unsafe]>,
    pub(crate) generics: Generics,
    /// The trait of a trait impl.
    pub(crate) trait_path: Option<TokenStream>,
    pub(crate) self_type: Type,
    pub(crate) members: Vec<Member>,
    /// Some member could not be read and is missing.
    pub(crate) incomplete: bool,
}

/// `struct T …`, or an enum or union.
pub(crate) struct Struct {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) name: Ident,
    pub(crate) generics: Generics,
    pub(crate) is_unit: bool,
    /// From the keyword to the name.
    pub(crate) head: TokenStream,
}

/// Something in an impl block.
pub(crate) enum Member {
    Method(Box<Method>),
    /// A constant, type or macro; its first token.
    Other(TokenTree),
}

/// A function without its body.
pub(crate) struct Method {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) signature: Signature,
}

/// Reads the item; each part that cannot be read is an error.
pub(crate) fn item(tokens: TokenStream, errors: &mut Errors) -> Item {
    let head: TokenStream = tokens.clone().into_iter().take(2).collect();
    let parser = |input: ParseStream<'_>| {
        let item = parse(input, errors);
        rest(input)?;
        item
    };
    parser.parse2(tokens).unwrap_or_else(|error| {
        errors.absorb(error);
        Item::Other(head)
    })
}

fn parse(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Item> {
    let attributes = input.call(Attribute::parse_outer)?;
    let visibility: Visibility = input.parse()?;
    let unsafety: Option<Token![unsafe]> = input.parse()?;
    if input.peek(Token![impl]) {
        input.parse::<Token![impl]>()?;
        impl_block(input, attributes, unsafety, errors).map(|block| Item::Impl(Box::new(block)))
    } else if input.peek(Token![struct]) || input.peek(Token![enum]) || input.peek(Token![union]) {
        let keyword: TokenTree = input.parse()?;
        let name: Ident = input.parse()?;
        let generics: Generics = input.parse()?;
        let head = quote!(#keyword #name);
        let is_unit = input.peek(Token![;]);
        Ok(Item::Struct(Struct { attributes, name, generics, is_unit, head }))
    } else {
        let rest: TokenStream = input.parse()?;
        let first: TokenStream = rest.into_iter().take(2).collect();
        Ok(Item::Other(quote!(#visibility #unsafety #first)))
    }
}

fn impl_block(
    input: ParseStream<'_>,
    attributes: Vec<Attribute>,
    unsafety: Option<Token![unsafe]>,
    errors: &mut Errors,
) -> syn::Result<Impl> {
    let mut generics: Generics =
        if input.peek(Token![<]) { input.parse()? } else { Generics::default() };
    let negative: Option<Token![!]> = input.parse()?;
    let mut self_type: Type = input.parse()?;
    let mut trait_path = None;
    if input.peek(Token![for]) {
        input.parse::<Token![for]>()?;
        trait_path = Some(quote!(#negative #self_type));
        self_type = input.parse()?;
    }
    generics.where_clause = input.parse::<Option<WhereClause>>()?;
    let body;
    syn::braced!(body in input);
    let (mut members, mut incomplete) = (Vec::new(), false);
    while !body.is_empty() {
        match member(&body) {
            Ok(Some(member)) => members.push(member),
            Ok(None) => {}
            Err(error) => {
                incomplete = true;
                errors.absorb(error);
                skip_member(&body)?;
            }
        }
    }
    Ok(Impl { attributes, unsafety, generics, trait_path, self_type, members, incomplete })
}

fn member(input: ParseStream<'_>) -> syn::Result<Option<Member>> {
    input.call(Attribute::parse_inner)?;
    let attributes = input.call(Attribute::parse_outer)?;
    if input.is_empty() {
        return Ok(None);
    }
    input.parse::<Visibility>()?;
    if is_function(input) {
        let signature: Signature = input.parse()?;
        skip_member(input)?;
        Ok(Some(Member::Method(Box::new(Method { attributes, signature }))))
    } else {
        let first: TokenTree = input.parse()?;
        skip_member(input)?;
        Ok(Some(Member::Other(first)))
    }
}

/// Whether `fn` comes after nothing but qualifiers.
fn is_function(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    while ahead.peek(Token![const])
        || ahead.peek(Token![async])
        || ahead.peek(Token![unsafe])
        || ahead.peek(Token![extern])
        || ahead.peek(syn::LitStr)
    {
        if ahead.parse::<TokenTree>().is_err() {
            return false;
        }
    }
    ahead.peek(Token![fn])
}

/// Passes over the body of a function, or the rest of whatever else it is.
fn skip_member(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() {
        match input.parse()? {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
            TokenTree::Punct(punct) if punct.as_char() == ';' => break,
            _ => {}
        }
    }
    Ok(())
}

fn rest(input: ParseStream<'_>) -> syn::Result<()> {
    input.parse::<TokenStream>().map(drop)
}

impl Item {
    /// The outer attributes.
    pub(crate) fn attributes(&self) -> &[Attribute] {
        match self {
            Self::Impl(item) => &item.attributes,
            Self::Struct(item) => &item.attributes,
            Self::Other(_) => &[],
        }
    }
}

/// The `#[cfg(…)]`s among the attributes.
pub(crate) fn cfgs(attributes: &[Attribute]) -> Vec<Attribute> {
    let is_cfg = |attribute: &&Attribute| attribute.path().is_ident("cfg");
    attributes.iter().filter(is_cfg).cloned().collect()
}

/// The name of a type, without its path: `Api` for `crate::api::Api`.
pub(crate) fn short_name(self_type: &Type) -> String {
    match self_type {
        Type::Path(path) => last_segment(&path.path),
        Type::Group(group) => short_name(&group.elem),
        other => quote!(#other).to_string(),
    }
}

fn last_segment(path: &Path) -> String {
    path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
}
