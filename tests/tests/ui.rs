//! What the compiler says about programs with the attributes: see `ui/README.md`.

/// Errors of the attributes: our words and our places, the same with every compiler.
#[test]
fn errors_of_the_attributes() {
    trybuild::TestCases::new().compile_fail("ui/macro/*.rs");
}

/// Errors of the compiler, which words them anew with each release.
#[rustversion::attr(not(stable(1.95)), ignore = "worded by the compiler of rust-toolchain.toml")]
#[test]
fn errors_of_the_compiler() {
    trybuild::TestCases::new().compile_fail("ui/rustc/*.rs");
}

/// Programs that must compile, and whose `main` must return.
#[test]
fn programs() {
    trybuild::TestCases::new().pass("ui/pass/*.rs");
}
