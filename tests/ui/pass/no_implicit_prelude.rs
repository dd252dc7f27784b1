//! Nothing is in scope but what is named.
#![no_implicit_prelude]

use ::runner::{master, server};

#[derive(::std::default::Default)]
struct Hello;

#[server(http, bind = "127.0.0.1:0", workers = "auto", stdout = "/dev/null", drain_timeout = "1m")]
impl Hello {
    async fn request(&self, request: ::runner::http::Request) -> ::std::string::String {
        ::std::string::ToString::to_string(request.uri())
    }

    async fn connect(&self, conn: &::runner::http::Conn) -> ::runner::Result {
        let _ = conn;
        ::std::result::Result::Ok(())
    }
}

#[derive(::std::default::Default)]
struct Echo;

#[server(tcp, bind = ["127.0.0.1:0"])]
impl Echo {
    async fn receive(&self, data: ::runner::prelude::Bytes) {
        ::std::mem::drop(data);
    }
}

#[master(servers(Hello, Echo), daemonize = false)]
struct App;

fn main() {}
