//! The program under test: one http server, forked workers, all options at their defaults.
//!
//! The harness gives it its address as `RUNNER_SERVER_HELLO__BIND`.

use runner::http::{Conn, Handler, IntoResponse, Request, Response};
use runner::{App, Lifecycle, Server};
use std::process::ExitCode;

/// Answers 13 bytes; at `/pid` the process id of the worker, so that a respawn can be seen.
struct Hello;

fn main() -> ExitCode {
    let hello = Server::http(Hello).name("hello").bind("127.0.0.1:9500").workers(2);
    App::new().server(hello).run()
}

impl Lifecycle for Hello {}

impl Handler for Hello {
    async fn request(&self, request: Request, _conn: &Conn) -> Response {
        match request.uri().path() {
            "/pid" => std::process::id().to_string().into_response(),
            // Without a content type, as the plain program answers.
            _ => Response::new("Hello, world!".into()),
        }
    }
}
