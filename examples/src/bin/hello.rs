//! The smallest program: one server, no `main`.

use runner::prelude::*;

#[derive(Default)]
struct Hello;

#[server(http, bind = "0.0.0.0:9501", workers = 10)]
impl Hello {
    async fn request(&self, _request: Request) -> &'static str {
        "Hi Http client.\n"
    }
}
