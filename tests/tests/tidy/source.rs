//! How rules look at a file: as tokens, so that comments and strings do not count.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A file under judgement.
pub(crate) struct Source<'a> {
    /// Relative to the workspace.
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
}

pub(crate) fn is_rust(source: &Source<'_>) -> bool {
    source.path.ends_with(".rs")
}

/// Whether the file belongs to this top-level module of the `runner` crate.
pub(crate) fn in_module(source: &Source<'_>, module: &str) -> bool {
    let inner = source.path.strip_prefix("runner/src/").and_then(|path| path.strip_prefix(module));
    inner.is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
}

pub(crate) fn banned_imports(
    source: &Source<'_>,
    module: &str,
    banned: &[&str],
) -> Vec<(usize, String)> {
    let mut found = imports_of(source, module);
    found.retain(|(_, path)| banned.iter().any(|banned| begins(path, banned)));
    complain(found, &format!("`{module}` must not import"))
}

pub(crate) fn complain(found: Vec<(usize, String)>, message: &str) -> Vec<(usize, String)> {
    found.into_iter().map(|(line, path)| (line, format!("{message} `{path}`"))).collect()
}

pub(crate) fn imports_of(source: &Source<'_>, module: &str) -> Vec<(usize, String)> {
    if in_module(source, module) { imports(source) } else { Vec::new() }
}

/// Every path that the file names outside its tests, `self` and `super` resolved, groups unfolded.
pub(crate) fn imports(source: &Source<'_>) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    collect_paths(&without_tests(tokens(source)), &[], &mut found);
    let stem = source.path.strip_prefix("runner/src/").unwrap_or(source.path);
    let stem = stem.strip_suffix(".rs").unwrap_or(stem);
    let module: Vec<&str> = match stem.strip_suffix("/mod") {
        Some(folder) => folder.split('/').collect(),
        None if stem == "lib" => Vec::new(),
        None => stem.split('/').collect(),
    };
    found.into_iter().map(|(line, path)| (line, absolute(&path, &module))).collect()
}

fn absolute(path: &[String], module: &[&str]) -> String {
    let ups = path.iter().take_while(|segment| *segment == "super").count();
    let own = usize::from(ups == 0 && path.first().is_some_and(|first| first == "self"));
    if ups + own == 0 {
        return path.join("::");
    }
    let base = module.iter().take(module.len().saturating_sub(ups)).copied();
    let rest = path[ups + own..].iter().map(String::as_str);
    std::iter::once("crate").chain(base).chain(rest).collect::<Vec<_>>().join("::")
}

/// Whether `path` is `prefix` or something inside it.
pub(crate) fn begins(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn collect_paths(tokens: &[TokenTree], prefix: &[String], found: &mut Vec<(usize, Vec<String>)>) {
    let mut rest = tokens;
    while let Some(first) = rest.first() {
        let TokenTree::Ident(_) = first else {
            if let TokenTree::Group(group) = first {
                collect_paths(&inside(group), &[], found);
            }
            rest = &rest[1..];
            continue;
        };
        let mut path = prefix.to_vec();
        path.push(first.to_string());
        rest = &rest[1..];
        // What follows `as` is a new name, not a path.
        if is_word(first, "as") {
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        while let [a, b, next, ..] = rest
            && is_punct(a, ':')
            && is_punct(b, ':')
        {
            match next {
                TokenTree::Ident(segment) => path.push(segment.to_string()),
                TokenTree::Group(group) => collect_paths(&inside(group), &path, found),
                _ => break,
            }
            rest = &rest[3..];
        }
        found.push((line(first), path));
    }
}

/// Without the items of a module that only its tests see.
fn without_tests(tokens: Vec<TokenTree>) -> Vec<TokenTree> {
    let mut kept = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_test = |next: &TokenTree| next.to_string().replace(' ', "") == "[cfg(test)]";
        if is_punct(&token, '#') && tokens.peek().is_some_and(is_test) {
            tokens.find(|token| braces(token).is_some() || is_punct(token, ';'));
        } else {
            kept.push(token);
        }
    }
    kept
}

/// Calls `look` with every token at any depth and the tokens after it in its group.
pub(crate) fn visit(tokens: &[TokenTree], look: &mut impl FnMut(&TokenTree, &[TokenTree])) {
    for (index, token) in tokens.iter().enumerate() {
        look(token, &tokens[index + 1..]);
        if let TokenTree::Group(group) = token {
            visit(&inside(group), look);
        }
    }
}

/// Programs that must not compile may not even be tokens; no rule has anything to say about them.
pub(crate) fn tokens(source: &Source<'_>) -> Vec<TokenTree> {
    if !is_rust(source) || source.path.starts_with("tests/ui/") {
        return Vec::new();
    }
    let stream: TokenStream = source.text.parse().unwrap_or_default();
    stream.into_iter().collect()
}

fn inside(group: &Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

pub(crate) fn braces(token: &TokenTree) -> Option<&Group> {
    match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
        _ => None,
    }
}

pub(crate) fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if *ident == word)
}

pub(crate) fn is_punct(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == punct)
}

pub(crate) fn line(token: &TokenTree) -> usize {
    token.span().start().line
}
