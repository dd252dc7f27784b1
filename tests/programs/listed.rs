//! An exact list of servers: what is linked but not listed does not run.

use runner::prelude::*;

#[derive(Default)]
struct Listed;

#[server(http, bind = "127.0.0.1:0")]
impl Listed {
    async fn request(&self) -> &'static str {
        "listed\n"
    }
}

#[derive(Default)]
struct AlsoListed;

#[server(tcp, bind = "127.0.0.1:0")]
impl AlsoListed {
    async fn receive(&self, data: Bytes) {
        let _ = data;
    }
}

#[derive(Default)]
struct Unlisted;

#[server(http, bind = "127.0.0.1:0")]
impl Unlisted {
    async fn request(&self) -> &'static str {
        "unlisted\n"
    }
}

#[master(servers(Listed, AlsoListed))]
struct App;
