//! A program whose workers tell what they are allowed and limited to, and try to get more.

use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, getgroups, getresgid, getresuid};
use runner::http;
use runner::prelude::*;
use runner_tests::regain;
use rustix::process::{Resource, getpriority_process, getrlimit};
use std::net::TcpListener;
use std::process::Command;

struct Confined;

#[server(http, bind = "127.0.0.1:0", workers = 2)]
impl Confined {
    async fn worker_start(worker: &Worker) -> Result<Self> {
        println!("worker {} sees {}", worker.slot(), sight()?);
        Ok(Self)
    }

    /// What to try is the path, with what the query says.
    async fn request(&self, request: Request) -> Result<http::Response> {
        use http::IntoResponse;
        let query = request.uri().query().unwrap_or_default();
        Ok(match request.uri().path() {
            "/" => "hello\n".into_response(),
            "/regain" => regain().into_response(),
            "/bind" => match TcpListener::bind(query) {
                Ok(_) => "bound".into_response(),
                Err(error) => error.kind().to_string().into_response(),
            },
            "/run" => Command::new(query).arg("-u").output()?.stdout.into_response(),
            _ => http::StatusCode::NOT_FOUND.into_response(),
        })
    }
}

/// What a worker sees of itself before it serves.
fn sight() -> Result<String> {
    let (user, group) = (getresuid()?, getresgid()?);
    let mut groups: Vec<_> = getgroups()?.into_iter().map(Gid::as_raw).collect();
    groups.sort_unstable();
    let mask = umask(Mode::empty());
    umask(mask);
    Ok(format!(
        "uid={},{},{} gid={},{},{} groups={groups:?} umask={:03o} nice={} cores={} nofile={:?} directory={}",
        user.real,
        user.effective,
        user.saved,
        group.real,
        group.effective,
        group.saved,
        mask.bits(),
        getpriority_process(None)?,
        std::thread::available_parallelism()?,
        getrlimit(Resource::Nofile).current,
        std::env::current_dir()?.display(),
    ))
}
