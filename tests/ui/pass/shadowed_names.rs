//! The names of the prelude and of crates mean something else here.
#![allow(dead_code, non_camel_case_types, unused_macros)]

use runner::{master, server};

struct Option;
struct Result;
struct String;
struct Some;
struct Ok;
struct Err;
struct Vec;
struct Box;
struct u32;
struct str;
trait Send {}
trait Sync {}
trait Default {}
trait Into {}
trait From {}
trait Future {}
mod core {}
mod std {}
mod alloc {}
mod runner_macros {}
mod linkme {}
mod event {}
mod worker {}
macro_rules! assert {
    () => {};
}
macro_rules! unreachable {
    () => {};
}

#[derive(::std::default::Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0", keep_alive = "5s", threads = 2)]
impl Api {
    async fn worker_start(worker: &::runner::Worker) -> ::runner::Result<Self> {
        let _ = worker;
        ::core::result::Result::Ok(Self)
    }

    async fn request(&self, conn: &::runner::http::Conn) -> &'static ::core::primitive::str {
        let _ = conn;
        "hello"
    }

    async fn close(&self) {}
}

struct Echo;

#[server(tcp, bind = "127.0.0.1:0")]
impl Echo {
    async fn worker_start() -> Self {
        Self
    }

    async fn receive(&self, conn: &::runner::tcp::Conn) {
        let _ = conn;
    }
}

#[master(servers(Api, Echo))]
impl App {
    fn start(&self) {}
}
struct App;

fn main() {}
