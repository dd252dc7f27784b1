//! The program that is put to the test: two http servers, whose workers hang, or abort at their
//! start, when they are told to.
//!
//! The harness gives it its addresses as `RUNNER_SERVER_HEALTHY__BIND` and
//! `RUNNER_SERVER_FAULTY__BIND`. The workers of a server abort at their start while there is a file
//! in the working directory with the server's name and `.abort`; each adds a byte to it. `HEAP_MIB`
//! is how much memory the master touches before its first fork.

use runner::http::{Conn, Handler, IntoResponse, Request, Response};
use runner::{App, Hooks, Lifecycle, Result, Server, Worker};
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::OnceLock;

/// One byte of each page is written to.
const PAGE: usize = 4096;

static HEAP: OnceLock<Vec<u8>> = OnceLock::new();

struct Trial;

fn main() -> ExitCode {
    let healthy = Server::http_with(Trial::begin).name("healthy").bind("127.0.0.1:9500");
    let faulty = Server::http_with(Trial::begin).name("faulty").bind("127.0.0.1:9501");
    App::new().hooks(Preload).server(healthy).server(faulty).run()
}

impl Trial {
    async fn begin(worker: Worker) -> Result<Self> {
        let abort = format!("{}.abort", worker.server());
        if let Ok(mut file) = OpenOptions::new().append(true).open(abort) {
            file.write_all(b"+")?;
            std::process::abort();
        }
        Ok(Self)
    }
}

impl Lifecycle for Trial {}

impl Handler for Trial {
    async fn request(&self, request: Request, _conn: &Conn) -> Response {
        match request.uri().path() {
            "/pid" => std::process::id().to_string().into_response(),
            "/spin" => loop {
                std::hint::spin_loop();
            },
            "/block" => {
                read_for_ever().map_or_else(|e| e.to_string(), |n| n.to_string()).into_response()
            }
            _ => Response::new("Hello, world!".into()),
        }
    }
}

struct Preload;

impl Hooks for Preload {
    fn preload(&self) -> Result {
        let mib: usize = std::env::var("HEAP_MIB").map_or(Ok(0), |mib| mib.parse())?;
        let heap = HEAP.get_or_init(|| vec![0; mib << 20]);
        Ok(())
    }
}

/// Sits in a system call, for nobody ever writes.
fn read_for_ever() -> std::io::Result<usize> {
    let (mut ours, _theirs) = UnixStream::pair()?;
    ours.read(&mut [0])
}
