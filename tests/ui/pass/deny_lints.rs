//! A strict program.
#![deny(missing_docs, warnings, clippy::pedantic, unreachable_pub, unused_qualifications)]

use runner::prelude::*;

/// A public server.
#[derive(Default)]
pub struct Hello;

#[server(http, bind = "127.0.0.1:0")]
impl Hello {
    async fn request(&self, _request: Request) -> &'static str {
        "hello"
    }
}

#[derive(Default)]
struct Echo;

#[server(tcp, bind = "127.0.0.1:0", max_connections = 100)]
impl Echo {
    async fn receive(&self, _data: Bytes) {}

    async fn drain(&self) {}
}

struct App;

#[master(umask = "027")]
impl App {
    fn start(&self) {}
}

fn main() {}
