//! The README and the guide say what is true: their code stands in the examples, their outputs are
//! what the programs print, and their tables of options are complete.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR"));
    examples.parent().expect("the workspace")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a program prints on standard output, started in the root of the workspace.
fn output(executable: &str, arguments: &[&str]) -> String {
    let output = Command::new(executable)
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("the program runs");
    String::from_utf8(output.stdout).expect("text")
}

/// The contents of the code blocks of a page that begin with this line.
fn blocks<'a>(page: &'a str, fence: &str) -> Vec<&'a str> {
    let opening = format!("{fence}\n");
    let opened = page.split(&opening).skip(1);
    opened.filter_map(|rest| Some(rest.split_once("```")?.0)).collect()
}

#[test]
fn the_readme_shows_the_first_example() {
    let readme = read("README.md");
    let expected = [read("examples/src/bin/hello.rs")];
    assert_eq!(blocks(&readme, "```rust"), expected);
}

#[test]
fn the_tests_of_the_invariants_exist() {
    let page = read("ARCHITECTURE.md");
    let mut found = 0;
    for (file, test) in page.split('`').filter_map(|code| code.split_once(".rs: ")) {
        let definition = format!("fn {test}(");
        let source = read(format!("{file}.rs"));
        assert!(source.contains(&definition), "no `{test}` in {file}.rs");
        found += 1;
    }
    let invariants = page.matches("**Invariant:**").count();
    assert!(invariants <= found, "{invariants} invariants, {found} tests");
}

#[test]
fn outputs_in_the_guide_are_what_programs_print() {
    for (file, arguments) in
        [("hello_help.txt", &["--help"][..]), ("hello_config_show.txt", &["config", "show"])]
    {
        let actual = output(env!("CARGO_BIN_EXE_hello"), arguments);
        let path = format!("guide/src/output/{file}");
        assert_eq!(
            read(&path),
            actual,
            "run `cargo run --bin hello -- {} > {path}`",
            arguments.join(" ")
        );
    }
}

#[test]
fn code_in_the_guide_is_included() {
    let pages = fs::read_dir(root().join("guide/src")).expect("the guide");
    let mut included = 0;
    for page in pages.map(|page| page.expect("an entry").path()) {
        if page.extension().is_none_or(|end| end != "md") {
            continue;
        }
        let text = read(&page);
        for block in blocks(&text, "```rust") {
            let target =
                block.trim().strip_prefix("{{#include ").and_then(|rest| rest.strip_suffix("}}"));
            let target = target.unwrap_or_else(|| panic!("{}: {block}", page.display()));
            check_include(&page, target);
            included += 1;
        }
    }
    assert!(5 < included, "found only {included} includes");
}

/// Checks that the file is there, and so is the part of it that is named behind a colon.
fn check_include(page: &Path, target: &str) {
    let (file, anchor) =
        target.split_once(':').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path: PathBuf = page.parent().expect("a folder").join(file);
    let text = read(path);
    if let Some(anchor) = anchor {
        for mark in ["ANCHOR", "ANCHOR_END"] {
            let line = format!("// {mark}: {anchor}");
            assert!(text.lines().any(|text| text.trim() == line), "{target}: no `{line}`");
        }
    }
}

#[test]
fn the_tables_of_options_are_complete() {
    // A program that sets nothing but its addresses.
    let shown = output(env!("CARGO_BIN_EXE_builder"), &["config", "show"]);
    let (master, servers) = shown.split_once("\n\n").expect("sections");
    let page = read("guide/src/options.md");
    let (_, page) = page.split_once("## Of a server").expect("a heading");
    let (of_a_server, of_the_master) = page.split_once("## Of the master").expect("a heading");
    assert_eq!(documented(of_a_server), defaults(servers));
    assert_eq!(documented(of_the_master), defaults(master));
}

/// The first two columns of a table: the option and its default.
fn documented(page: &str) -> BTreeMap<String, String> {
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    cells.map(|cells| (cells[1].replace('`', ""), cells[2].replace('`', ""))).collect()
}

/// The options that `config show` prints and what holds without a value for them.
fn defaults(shown: &str) -> BTreeMap<String, String> {
    let lines = shown.lines().filter_map(|line| line.trim_start_matches("# ").split_once("  # "));
    lines
        .filter(|(setting, _)| !setting.starts_with('['))
        .map(|(setting, comment)| {
            let (name, value) = setting.split_once(" = ").unwrap_or((setting, ""));
            let default = match comment.trim_start_matches("not set: ") {
                "default" if name == "name" => "the name of the program",
                "default" => value.trim().trim_matches('"'),
                declared if declared.starts_with("declared at ") => "required",
                meaning => meaning,
            };
            (name.trim().to_owned(), default.replace('`', ""))
        })
        .collect()
}
