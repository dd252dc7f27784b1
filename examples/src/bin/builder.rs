//! A program without macros: what the attributes expand to, written by hand.

use runner::http::{self, IntoResponse, Request, Response};
use runner::tcp::{self, SendError};
use runner::{App, Hooks, Lifecycle, Master, Result, Server, Worker};
use std::process::ExitCode;

// ANCHOR: http
struct Hello {
    slot: u32,
}

impl Lifecycle for Hello {}

impl http::Handler for Hello {
    async fn request(&self, request: Request, _conn: &http::Conn) -> Response {
        let (path, slot) = (request.uri().path(), self.slot);
        format!("{path} from worker {slot}\n").into_response()
    }
}
// ANCHOR_END: http

// ANCHOR: tcp
struct Echo;

impl Lifecycle for Echo {
    async fn worker_stop(&self, worker: &Worker) -> Result {
        println!("worker {} of {} ends", worker.slot(), worker.server());
        Ok(())
    }
}

impl tcp::Handler for Echo {
    async fn receive(&self, conn: &tcp::Conn, data: bytes::Bytes) -> Result {
        match conn.send(data).await {
            Err(SendError::Closed) => Ok(()),
            sent => Ok(sent?),
        }
    }
}
// ANCHOR_END: tcp

// ANCHOR: main
struct Announce;

impl Hooks for Announce {
    fn start(&self, master: &Master) -> Result {
        println!("{} serves {} servers", master.name(), master.servers().len());
        Ok(())
    }
}

fn main() -> ExitCode {
    // The constructor runs in each worker, and what it makes belongs to that worker alone.
    let hello =
        Server::http_with(|worker: Worker| async move { Ok(Hello { slot: worker.slot() }) });
    App::new()
        .hooks(Announce)
        .server(hello.bind("127.0.0.1:9506"))
        .server(Server::tcp(Echo).bind("127.0.0.1:9507"))
        .run()
}
// ANCHOR_END: main
