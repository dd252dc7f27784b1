//! The only server stands in a library that nothing else names.

use runner::prelude::*;

struct App;

#[master(include(library))]
impl App {}
