//! A crate that nothing names but `include` is linked with its servers.

use runner::prelude::*;

#[master(include(library))]
struct App;

fn main() {
    assert_eq!(runner::__private::SERVERS.len(), 1);
}
