//! The program that the chaos tests torment: its workers fail to start when a file says so, and hang
//! when a client asks for it.

use runner::http::{self, IntoResponse};
use runner::prelude::*;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// The file in the working directory that names the fault of every worker that starts.
const FAULT: &str = "start_fault";

#[master(name = "chaos", pid_file = "app.pid")]
struct Chaos;

struct Web;

#[server(http, bind = "127.0.0.1:0", workers = 3)]
impl Web {
    async fn worker_start() -> Result<Self> {
        start_as_told().await?;
        Ok(Self)
    }

    async fn request(&self, request: Request, worker: &Worker) -> Result<http::Response> {
        match request.uri().path() {
            "/spin" => loop {
                std::hint::spin_loop();
            },
            "/block" => Ok(format!("{}\n", read_for_ever()?).into_response()),
            _ => Ok(format!("{} {}\n", std::process::id(), worker.slot()).into_response()),
        }
    }
}

struct Echo;

/// Answers whatever it gets as `Web` does.
#[server(tcp, bind = "127.0.0.1:0", workers = 2)]
impl Echo {
    async fn worker_start() -> Result<Self> {
        start_as_told().await?;
        Ok(Self)
    }

    async fn receive(&self, conn: &Conn, _data: Bytes, worker: &Worker) -> Result<()> {
        Ok(conn.send(format!("{} {}\n", std::process::id(), worker.slot())).await?)
    }
}

/// Fails, or takes far too long, in the way that the file names.
async fn start_as_told() -> Result<()> {
    let told = std::fs::read_to_string(FAULT).unwrap_or_default();
    match told.trim() {
        "error" => return Err(Error::msg("told to fail")),
        "panic" => panic!("told to panic"),
        "abort" => {
            count_abort()?;
            std::process::abort();
        }
        "hang" => tokio::time::sleep(Duration::from_secs(60)).await,
        "block" => std::thread::sleep(Duration::from_secs(60)),
        _ => {}
    }
    Ok(())
}

/// Adds a byte to a file.
fn count_abort() -> std::io::Result<()> {
    OpenOptions::new().append(true).create(true).open("aborts")?.write_all(b"+")
}

/// Sits in a system call, for nobody ever writes.
fn read_for_ever() -> std::io::Result<usize> {
    let (mut ours, _theirs) = UnixStream::pair()?;
    ours.read(&mut [0])
}
