//! A program that allows itself nothing: what is generated must not be blamed on it.
#![forbid(unsafe_code)]
#![deny(missing_docs, warnings, clippy::all, clippy::pedantic, unreachable_pub)]

use runner::prelude::*;

/// A public server.
#[derive(Default)]
pub struct Hello;

#[server(http, bind = "127.0.0.1:0", workers = 2, keep_alive = "5s")]
impl Hello {
    async fn request(&self, request: Request, body: Bytes, conn: &runner::http::Conn) -> String {
        format!("{} {} {}\n", request.uri(), body.len(), conn.peer())
    }

    async fn connect_full(&self) -> &'static str {
        "later\n"
    }
}

struct Echo {
    greeting: &'static str,
}

#[server(tcp, bind = ["127.0.0.1:0", "[::1]:0"], receive_buffer = "64KiB")]
impl Echo {
    async fn worker_start(_worker: &Worker) -> Result<Self> {
        Ok(Self { greeting: "hello" })
    }

    async fn receive(&self, _conn: &Conn, data: Bytes) -> Result<()> {
        if data.is_empty() { Err(Error::msg(self.greeting)) } else { Ok(()) }
    }

    async fn close(&self) {}
}

struct App;

#[master(umask = 0o027)]
impl App {
    fn start(&self, _master: &Master) {}
}
