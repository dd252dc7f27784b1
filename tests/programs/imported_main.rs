//! One file with one `#[server]` is a whole program.

use runner::prelude::*;

#[derive(Default)]
struct Hello;

#[server(http, bind = "127.0.0.1:0", workers = 1)]
impl Hello {
    async fn request(&self, _request: Request) -> &'static str {
        "hello\n"
    }
}
