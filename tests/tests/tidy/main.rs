//! The module rules of ARCHITECTURE.md and the style rules of CONTRIBUTING.md, as far as a program
//! can check them. Each rule is a function from a file to its violations, and each has a test that
//! shows a violation in `violations.rs`.

mod source;
mod violations;

use proc_macro2::TokenTree;
use source::*;
use std::fs;
use std::path::{Path, PathBuf};

/// From a file to what is wrong with it: the line and the violation.
type Rule = fn(&Source<'_>) -> Vec<(usize, String)>;

const RULES: &[Rule] = &[
    supervisor_is_pure,
    os_knows_only_errors,
    only_the_master_joins_supervisor_and_os,
    servers_know_nothing_of_processes,
    runtimes_are_built_in_workers,
    processes_are_signalled_by_descriptor,
    unsafe_stays_in_os,
    files_are_short,
    functions_are_short,
    nothing_is_left_to_do,
    no_test_is_ignored,
    tests_do_not_sleep,
    names_say_what_is_inside,
];

#[test]
fn the_workspace_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut violations = Vec::new();
    let files = files(root);
    assert!(files.len() > 10, "found only {files:?}");
    for file in files {
        let path = file.strip_prefix(root).expect("below the workspace").to_string_lossy();
        let text = fs::read_to_string(&file).expect("a readable file");
        let source = Source { path: &path, text: &text };
        for (line, violation) in RULES.iter().flat_map(|rule| rule(&source)) {
            violations.push(format!("{path}:{line}: {violation}"));
        }
    }
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

/// The state machine asks nobody anything: no system calls, no runtime, no clock.
fn supervisor_is_pure(source: &Source<'_>) -> Vec<(usize, String)> {
    const BANNED: &[&str] = &[
        "crate::cli",
        "crate::listener",
        "crate::master",
        "crate::os",
        "crate::server",
        "crate::worker",
        "libc",
        "nix",
        "rustix",
        "signal_hook",
        "socket2",
        "std::env",
        "std::fs",
        "std::io",
        "std::net",
        "std::process",
        "std::thread",
        "std::time::SystemTime",
        "tokio",
        "Instant::now",
        "std::time::Instant::now",
        "SystemTime::now",
    ];
    banned_imports(source, "supervisor", BANNED)
}

/// System calls are below everything else of ours; only errors are below them.
fn os_knows_only_errors(source: &Source<'_>) -> Vec<(usize, String)> {
    let allowed = ["crate::os", "crate::error", "crate::Error", "crate::Result"];
    let mut found = imports_of(source, "os");
    found.retain(|(_, path)| {
        path.starts_with("crate::") && !allowed.iter().any(|allowed| begins(path, allowed))
    });
    complain(found, "`os` may import only `error`, not")
}

/// Decisions and system calls meet in one place.
fn only_the_master_joins_supervisor_and_os(source: &Source<'_>) -> Vec<(usize, String)> {
    if in_module(source, "master") || !source.path.starts_with("runner/src/") {
        return Vec::new();
    }
    let found = imports(source);
    let first = |module: &str| found.iter().find(|(_, path)| begins(path, module));
    let both = first("crate::supervisor").zip(first("crate::os"));
    let message = "only `master` may import both `supervisor` and `os`".to_owned();
    both.map(|(_, (line, _))| (*line, message)).into_iter().collect()
}

/// Protocols run the same in a forked worker and in a test.
fn servers_know_nothing_of_processes(source: &Source<'_>) -> Vec<(usize, String)> {
    const BANNED: &[&str] =
        &["crate::master", "crate::os::fork", "crate::supervisor", "crate::worker"];
    banned_imports(source, "server", BANNED)
}

/// The master has no runtime, so that it can fork.
fn runtimes_are_built_in_workers(source: &Source<'_>) -> Vec<(usize, String)> {
    if !source.path.starts_with("runner/src/") || in_module(source, "worker") {
        return Vec::new();
    }
    let mut found = imports(source);
    found.retain(|(_, path)| {
        ["runtime::Builder", "runtime::Runtime", "Runtime::new"]
            .iter()
            .any(|name| path.contains(name))
    });
    complain(found, "a runtime is built only in `worker`, not with")
}

/// A pid may be another process's by the time a signal is sent to it; a descriptor never is (P32).
fn processes_are_signalled_by_descriptor(source: &Source<'_>) -> Vec<(usize, String)> {
    const BANNED: [&str; 6] =
        ["kill", "killpg", "tgkill", "kill_process", "kill_process_group", "waitpid"];
    let allowed = source.path == "runner/src/os/process.rs";
    if allowed || !source.path.starts_with("runner/src/") {
        return Vec::new();
    }
    let mut found = Vec::new();
    visit(&tokens(source), &mut |token, _| {
        if let Some(name) = BANNED.iter().find(|name| is_word(token, name)) {
            found.push((line(token), format!("`{name}` takes a pid; use `os::process`")));
        }
    });
    found
}

fn unsafe_stays_in_os(source: &Source<'_>) -> Vec<(usize, String)> {
    let ours = ["runner/src/", "examples/", "bench/", "tests/src/", "tests/tests/"];
    if in_module(source, "os") || !ours.iter().any(|folder| source.path.starts_with(folder)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    visit(&tokens(source), &mut |token, _| {
        if is_word(token, "unsafe") {
            found.push((line(token), "`unsafe` belongs into `runner/src/os`".to_owned()));
        }
    });
    found
}

fn files_are_short(source: &Source<'_>) -> Vec<(usize, String)> {
    let lines = source.text.lines().count();
    if !is_rust(source) || lines <= 500 {
        return Vec::new();
    }
    vec![(501, format!("{lines} lines; a file of more than 500 holds more than one idea"))]
}

/// A test may be longer: it is mostly a table of cases.
fn functions_are_short(source: &Source<'_>) -> Vec<(usize, String)> {
    let is_test =
        source.path.contains("/tests/") || source.text.contains("#[cfg(test)]\nmod tests");
    let limit = if is_test { 200 } else { 70 };
    let mut found = Vec::new();
    visit(&tokens(source), &mut |token, rest| {
        let [TokenTree::Ident(name), ..] = rest else {
            return;
        };
        if !is_word(token, "fn") {
            return;
        }
        let body = rest.iter().take_while(|token| !is_punct(token, ';')).find_map(braces);
        let lines = body.map_or(0, |body| body.span_close().end().line + 1 - line(token));
        if lines > limit {
            found.push((line(token), format!("`{name}` has {lines} lines, more than {limit}")));
        }
    });
    found
}

fn nothing_is_left_to_do(source: &Source<'_>) -> Vec<(usize, String)> {
    // Put together, so that this file does not accuse itself.
    let marks =
        [["TO", "DO"], ["FIX", "ME"], ["to", "do!"], ["unimple", "mented!"]].map(|m| m.concat());
    let lines = source.text.lines().zip(1..);
    lines
        .filter_map(|(text, line)| Some((line, marks.iter().find(|mark| text.contains(*mark))?)))
        .map(|(line, mark)| (line, format!("`{mark}`: finish it or leave it out")))
        .collect()
}

fn no_test_is_ignored(source: &Source<'_>) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    visit(&tokens(source), &mut |token, rest| {
        let Some(TokenTree::Group(attribute)) = rest.first() else {
            return;
        };
        let first = attribute.stream().into_iter().next();
        if is_punct(token, '#') && first.is_some_and(|first| is_word(&first, "ignore")) {
            found.push((line(token), "an ignored test tests nothing".to_owned()));
        }
    });
    found
}

/// A test waits for what it needs. The programs under test may be slow on purpose.
fn tests_do_not_sleep(source: &Source<'_>) -> Vec<(usize, String)> {
    if !source.path.starts_with("tests/") || source.path.starts_with("tests/programs/") {
        return Vec::new();
    }
    let mut found = Vec::new();
    visit(&tokens(source), &mut |token, rest| {
        if is_word(token, "sleep") && matches!(rest.first(), Some(TokenTree::Group(_))) {
            found.push((line(token), "a test waits for an event, not for time to pass".to_owned()));
        }
    });
    found
}

fn names_say_what_is_inside(source: &Source<'_>) -> Vec<(usize, String)> {
    const EMPTY: &[&str] = &["common", "helper", "helpers", "manager", "misc", "util", "utils"];
    let stem = source.path.strip_suffix(".rs").unwrap_or(source.path);
    stem.split('/')
        .filter(|name| EMPTY.contains(name))
        .map(|name| (1, format!("the name `{name}` says nothing of what is inside")))
        .collect()
}

/// The Rust and Markdown files below `folder` that are written by hand.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || ["target", "book", "wip"].contains(&&*name) {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|end| end == "rs" || end == "md") {
            found.push(path);
        }
    }
    found
}
