//! The program that is put to the test: two http servers whose workers hang when a client asks for
//! it, and abort at their start when a file says so.
//!
//! The workers of a server abort while there is a file in the working directory with the server's
//! name and `.abort`; each adds a byte to it. `HEAP_MIB` is how much memory the master fills before
//! its first fork.

use runner::http::{Conn, Handler, IntoResponse, Request, Response};
use runner::{App, Hooks, Lifecycle, Result, Server, Worker};
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::OnceLock;

static HEAP: OnceLock<Vec<u8>> = OnceLock::new();

struct Trial;

struct Preload;

fn main() -> ExitCode {
    let healthy = Server::http_with(Trial::begin).name("healthy").bind("127.0.0.1:0");
    let faulty = Server::http_with(Trial::begin).name("faulty").bind("127.0.0.1:0");
    App::new().hooks(Preload).server(healthy).server(faulty).run()
}

impl Trial {
    async fn begin(worker: Worker) -> Result<Self> {
        let told = OpenOptions::new().append(true).open(format!("{}.abort", worker.server()));
        if let Ok(mut file) = told {
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
            "/spin" => loop {
                std::hint::spin_loop();
            },
            "/block" => format!("{:?}", read_for_ever()).into_response(),
            _ => std::process::id().to_string().into_response(),
        }
    }
}

impl Hooks for Preload {
    /// Not zero, so that the kernel has to give each page.
    fn preload(&self) -> Result {
        let mib: usize = std::env::var("HEAP_MIB").map_or(Ok(0), |mib| mib.parse())?;
        HEAP.get_or_init(|| vec![1; mib << 20]);
        Ok(())
    }
}

/// Sits in a system call, for nobody ever writes.
fn read_for_ever() -> std::io::Result<usize> {
    let (mut ours, _theirs) = UnixStream::pair()?;
    ours.read(&mut [0])
}
