//! Each rule, shown a file that violates it and one that does not.

use super::*;

/// Asserts that the rule finds exactly `expected`, each written `LINE: part of the message`.
#[track_caller]
fn check(rule: Rule, path: &str, text: &str, expected: &[&str]) {
    let found: Vec<String> = rule(&Source { path, text })
        .into_iter()
        .map(|(line, message)| format!("{line}: {message}"))
        .collect();
    let matches = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| {
            let (line, part) = expected.split_once(": ").expect("LINE: part");
            found.starts_with(&format!("{line}: ")) && found.contains(part)
        });
    assert!(matches, "found {found:#?}, expected {expected:#?}");
}

#[test]
fn supervisor() {
    let path = "runner/src/supervisor/slot.rs";
    let pure = "use crate::spec::Kind;\nuse super::Event;\nuse std::time::Instant;";
    check(supervisor_is_pure, path, pure, &[]);
    let impure =
        "use crate::{spec, os::{self, fork}};\nuse super::super::os::Pid;\nuse tokio::time;";
    let expected = [
        "1: crate::os::self",
        "1: crate::os::fork",
        "1: crate::os`",
        "2: crate::os::Pid",
        "3: tokio",
    ];
    check(supervisor_is_pure, path, impure, &expected);
    check(supervisor_is_pure, path, "fn f() { g!(Instant::now()) }", &["1: Instant::now"]);
    check(supervisor_is_pure, "runner/src/master/mod.rs", impure, &[]);
    let tested = "fn f() {}\n#[cfg(test)]\nmod tests { use std::fs; }\nuse std::io;";
    check(supervisor_is_pure, path, tested, &["4: std::io"]);
}

#[test]
fn os() {
    let text =
        "use crate::error::Error;\nuse super::fork;\nuse nix::libc;\nuse crate::config::Config;";
    check(os_knows_only_errors, "runner/src/os/signal.rs", text, &["4: crate::config::Config"]);
    check(os_knows_only_errors, "runner/src/os/mod.rs", "use super::spec;", &["1: crate::spec"]);
    check(os_knows_only_errors, "runner/src/worker/mod.rs", text, &[]);
}

#[test]
fn master() {
    let rule = only_the_master_joins_supervisor_and_os;
    let text = "use crate::supervisor::Action;\nuse crate::os::fork;";
    check(rule, "runner/src/app.rs", text, &["2: both"]);
    check(rule, "runner/src/master/mod.rs", text, &[]);
    check(rule, "runner/src/app.rs", "use crate::os::fork;", &[]);
}

#[test]
fn server() {
    let rule = servers_know_nothing_of_processes;
    let text = "use crate::os::clock;\nuse crate::os::fork;\nuse super::super::worker as os;";
    check(rule, "runner/src/server/tcp/mod.rs", text, &["2: crate::os::fork", "3: crate::worker"]);
    check(rule, "runner/src/server/tcp/conn.rs", text, &["2: crate::os::fork"]);
    check(rule, "runner/src/worker/mod.rs", text, &[]);
}

#[test]
fn runtime() {
    let text = "use tokio::runtime::Builder;";
    check(runtimes_are_built_in_workers, "runner/src/master/mod.rs", text, &["1: Builder"]);
    check(runtimes_are_built_in_workers, "runner/src/worker/mod.rs", text, &[]);
    check(runtimes_are_built_in_workers, "runner/src/app.rs", "use tokio::runtime::Handle;", &[]);
}

#[test]
fn unsafe_code() {
    let text = "#![forbid(unsafe_code)]\n// unsafe\nfn f() { m!(unsafe { g() }) }";
    check(unsafe_stays_in_os, "runner/src/app.rs", text, &["3: unsafe"]);
    check(unsafe_stays_in_os, "runner/src/os/fork.rs", text, &[]);
}

#[test]
fn file_length() {
    check(files_are_short, "a.rs", &"\n".repeat(500), &[]);
    check(files_are_short, "a.rs", &"\n".repeat(501), &["501: 501 lines"]);
    check(files_are_short, "a.md", &"\n".repeat(501), &[]);
}

#[test]
fn signals() {
    let rule = processes_are_signalled_by_descriptor;
    let text = "use nix::sys::signal::kill;\nfn f() { child.signal(Signal::KILL); }";
    check(rule, "runner/src/master/run.rs", text, &["1: `kill` takes a pid"]);
    check(rule, "tests/src/program.rs", text, &[]);
}

#[test]
fn function_length() {
    let function =
        |lines: usize| format!("impl A {{\nfn long()\n{{{}}} }}", "\n".repeat(lines - 2));
    check(functions_are_short, "a.rs", &function(70), &[]);
    check(functions_are_short, "a.rs", &function(71), &["2: `long` has 71 lines"]);
    let far = format!("trait A {{ fn short(); }}\n{}fn other() {{}}", "\n".repeat(99));
    check(functions_are_short, "a.rs", &far, &[]);
}

#[test]
fn left_overs() {
    for mark in [["TO", "DO"], ["FIX", "ME"], ["to", "do!"], ["unimple", "mented!"]] {
        let mark = mark.concat();
        check(
            nothing_is_left_to_do,
            "a.md",
            &format!("\nsome {mark} here"),
            &[&format!("2: {mark}")],
        );
    }
}

#[test]
fn ignored() {
    check(no_test_is_ignored, "a.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}", &["2: ignored"]);
    check(no_test_is_ignored, "a.rs", "mod m { #[ignore] fn f() {} }", &["1: ignored"]);
    let pinned = "#[rustversion::attr(not(stable(1.95)), ignore)]\nfn f() { x.ignore() }";
    check(no_test_is_ignored, "a.rs", pinned, &[]);
}

#[test]
fn sleeping() {
    let text = "fn f() {\nstd::thread::sleep(SECOND);\n\"sleep(1)\"; }";
    check(tests_do_not_sleep, "tests/tests/a.rs", text, &["2: waits"]);
    check(tests_do_not_sleep, "tests/programs/slow.rs", text, &[]);
    check(tests_do_not_sleep, "examples/a.rs", text, &[]);
}

#[test]
fn names() {
    check(names_say_what_is_inside, "runner/src/utils/a.rs", "", &["1: `utils`"]);
    check(names_say_what_is_inside, "tests/tests/common.rs", "", &["1: `common`"]);
    check(names_say_what_is_inside, "runner/src/app.rs", "", &[]);
}
