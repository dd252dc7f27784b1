# The steps of `.ci/run` by name, so that what runs here is what runs before a change lands.

# Everything that must hold before a change lands
check:
    .ci/run

# All tests of the workspace
test:
    .ci/run test

# Formats all code
fmt:
    cargo fmt --all

# Formatting and lints
lint:
    .ci/run fmt lint

# The API documentation, warnings as errors
doc:
    .ci/run doc

# The guide, into guide/book
guide:
    .ci/run guide

# Our server, plain hyper and nginx in one run; see bench/README.md
bench *flags:
    cargo run --release -p runner-bench --bin compare -- {{flags}}

# Licences, sources and banned crates; needs cargo-deny
deny:
    cargo deny check
