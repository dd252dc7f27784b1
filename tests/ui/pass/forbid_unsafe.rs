//! The program forbids itself unsafe code.
#![forbid(unsafe_code)]

use runner::prelude::*;

#[derive(Default)]
struct Hello;

#[server(http, bind = "127.0.0.1:0")]
impl Hello {
    async fn request(&self) -> &'static str {
        "hello"
    }
}

#[master]
struct App;

fn main() {}
