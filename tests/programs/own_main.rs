//! A `main` of the program's own shadows the imported one.

use runner::prelude::*;
use std::process::ExitCode;

#[derive(Default)]
struct Hello;

#[server(http, bind = "127.0.0.1:0")]
impl Hello {
    async fn request(&self) -> &'static str {
        "hello\n"
    }
}

fn main() -> ExitCode {
    runner::main()
}
