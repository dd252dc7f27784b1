//! A program without macros.

use runner::prelude::*;
use runner::{App, Lifecycle, Server, http, tcp};
use std::process::ExitCode;
use std::time::Duration;

struct Hello;

impl Lifecycle for Hello {}

impl http::Handler for Hello {
    async fn request(&self, _request: Request, _conn: &http::Conn) -> http::Response {
        http::IntoResponse::into_response("hello")
    }
}

struct Echo;

impl Lifecycle for Echo {}

impl tcp::Handler for Echo {
    async fn receive(&self, _conn: &Conn, _data: Bytes) -> Result {
        Ok(())
    }
}

fn program() -> ExitCode {
    App::new()
        .server(Server::http(Hello).bind("127.0.0.1:0").keep_alive(Duration::from_secs(5)))
        .server(Server::tcp_with(|_worker| async { Ok(Echo) }).bind("127.0.0.1:0").workers(5))
        .pid_file("app.pid")
        .run()
}

fn main() {
    let _: fn() -> ExitCode = program;
}
