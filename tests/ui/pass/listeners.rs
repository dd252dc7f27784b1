//! What is listened on: every way to write it.

use runner::prelude::*;
use runner::{Accept, Address, Server};
use std::time::Duration;

const PATH: &str = "/run/app.sock";

#[derive(Default)]
struct Literals;

#[server(
    tcp,
    bind = ["127.0.0.1:0", "[::]:0", "unix:/run/a.sock", "/run/b.sock", "./c.sock", "@d", "fd:3", "systemd:e", "systemd"],
    accept = "shared",
    v6only = false,
    mode = "660",
    owner = "root",
    group_owner = "www-data",
    lame_duck = "5s",
    backlog = 100
)]
impl Literals {
    async fn receive(&self) {}
}

#[derive(Default)]
struct Expressions;

#[server(http, bind = PATH, mode = 0o660, lame_duck = Duration::from_secs(5))]
impl Expressions {
    async fn request(&self, client: Address) -> String {
        format!("{client}, {}", client.is_unix())
    }
}

fn built(server: Server) -> Server {
    server
        .bind("127.0.0.1:0")
        .bind(["@a", "fd:4"])
        .accept(Accept::Shared)
        .v6only(true)
        .mode(0o600)
        .owner("root")
        .group_owner("root")
        .lame_duck(Duration::ZERO)
}

fn main() {
    let _: fn(Server) -> Server = built;
}
