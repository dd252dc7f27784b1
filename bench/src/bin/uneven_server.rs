//! A http server of whose workers the first is busy with something else half of the time.
//!
//! The harness gives it its address as `RUNNER_SERVER_HELLO__BIND`.

use runner::http::{Conn, Handler, IntoResponse, Request, Response};
use runner::{App, Lifecycle, Result, Server, Worker};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long the first worker does nothing else, and how long it then serves.
const BUSY: Duration = Duration::from_millis(50);

/// Answers with the process id of the worker.
struct Hello;

fn main() -> ExitCode {
    let hello = Server::http_with(Hello::begin).name("hello").bind("127.0.0.1:9500");
    App::new().server(hello).run()
}

impl Hello {
    async fn begin(worker: Worker) -> Result<Self> {
        if worker.slot() == 0 {
            tokio::spawn(be_busy_at_times());
        }
        Ok(Self)
    }
}

impl Lifecycle for Hello {}

impl Handler for Hello {
    async fn request(&self, _request: Request, _conn: &Conn) -> Response {
        std::process::id().to_string().into_response()
    }
}

/// As a handler that computes does, it leaves its thread to nobody.
async fn be_busy_at_times() {
    loop {
        let began = Instant::now();
        while began.elapsed() < BUSY {
            std::hint::spin_loop();
        }
        tokio::time::sleep(BUSY).await;
    }
}
