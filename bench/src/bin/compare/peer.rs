//! The programs that are compared: how each is started, asked and ended.

use crate::Result;
use crate::process::{self, Process};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// From the start of a peer to its first answer, at most.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// From the request to stop to the end of a peer, at most; then it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// Between two looks at something that has no descriptor to wait on.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// A program that takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// The base: one process, two threads, nothing tuned.
    Hyper,
    /// The program under test.
    Runner,
    /// Debian's nginx, answering by `return`.
    Nginx,
}

impl Peer {
    pub(crate) const ALL: [Self; 3] = [Self::Hyper, Self::Runner, Self::Nginx];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hyper => "hyper",
            Self::Runner => "runner",
            Self::Nginx => "nginx",
        }
    }

    /// The signal to the master that replaces all workers; `None` when it has no workers.
    pub(crate) fn reload_signal(self) -> Option<Signal> {
        match self {
            Self::Hyper => None,
            Self::Runner => Some(Signal::SIGUSR2),
            Self::Nginx => Some(Signal::SIGHUP),
        }
    }

    /// Starts it on a free port, on one core when `core` is given, and waits for its first answer.
    pub(crate) fn start(self, workers: u32, core: Option<usize>) -> Result<Running> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let log = folder.path().join("output.log");
        let mut command = self.command(workers, core, address, folder.path())?;
        command.current_dir(folder.path()).stdin(Stdio::null());
        command.stdout(File::create(&log)?).stderr(File::options().append(true).open(&log)?);
        let child =
            command.spawn().map_err(|error| format!("cannot start {command:?}: {error}"))?;
        let mut running = Running { peer: self, child, address, folder };
        running.await_answer()?;
        Ok(running)
    }

    fn command(
        self,
        workers: u32,
        core: Option<usize>,
        address: SocketAddr,
        folder: &Path,
    ) -> Result<Command> {
        let program = match self {
            Self::Hyper => sibling("plain_hyper")?,
            Self::Runner => sibling("bench_server")?,
            Self::Nginx => find_nginx().ok_or("nginx is not installed")?,
        };
        let mut command = pinned(&program, core);
        match self {
            Self::Hyper => {
                command.arg(address.to_string());
            }
            Self::Runner => {
                command.env("RUNNER_SERVER_HELLO__BIND", address.to_string());
                command.env("RUNNER_SERVER_HELLO__WORKERS", workers.to_string());
            }
            Self::Nginx => {
                let config = folder.join("nginx.conf");
                fs::write(&config, nginx_config(folder, address, workers))?;
                command.arg("-p").arg(folder).arg("-c").arg(config);
            }
        }
        Ok(command)
    }
}

/// A started peer; dropping it ends it and all it started, and removes its files.
pub(crate) struct Running {
    peer: Peer,
    child: Child,
    pub(crate) address: SocketAddr,
    folder: TempDir,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The processes that the master has started itself.
    pub(crate) fn workers(&self) -> Vec<Process> {
        let mut processes = process::tree(self.pid());
        processes.retain(|process| process.is_child_of(self.pid()));
        processes
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result {
        Ok(kill(as_pid(self.pid()), signal)?)
    }

    /// The pid of the worker that answers a new connection.
    pub(crate) fn ask_pid(&self, timeout: Duration) -> Result<u32> {
        Ok(get(self.address, "/pid", timeout)?.trim().parse()?)
    }

    fn await_answer(&mut self) -> Result {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let answer = get(self.address, "/", Duration::from_secs(1));
            if answer.as_deref().is_ok_and(|body| body == "Hello, world!") {
                return Ok(());
            }
            let reason = match self.child.try_wait()? {
                Some(status) => format!("ended with {status}"),
                None if Instant::now() > deadline => match answer {
                    Ok(body) => format!("answered {body:?}"),
                    Err(error) => format!("did not answer in {START_TIMEOUT:?}: {error}"),
                },
                None => {
                    std::thread::sleep(POLL_INTERVAL);
                    continue;
                }
            };
            let log = fs::read_to_string(self.folder.path().join("output.log"))?;
            return Err(format!("{} {reason}\n{log}", self.peer.name()).into());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let started = process::tree(self.pid());
        // The child is not waited for yet, so its pid cannot belong to anyone else.
        let _ = self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + STOP_TIMEOUT;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(POLL_INTERVAL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        for process in started.iter().filter(|process| process.is_alive()) {
            let _ = kill(as_pid(process.pid), Signal::SIGKILL);
        }
    }
}

/// Those of `peers` that can run here; says which cannot.
pub(crate) fn available(peers: &[Peer]) -> Vec<Peer> {
    let (present, absent): (Vec<Peer>, Vec<Peer>) =
        peers.iter().partition(|peer| **peer != Peer::Nginx || find_nginx().is_some());
    if !absent.is_empty() {
        eprintln!("skipped: nginx is not installed (on Debian: apt-get install nginx-light)");
    }
    present
}

/// Brings the programs beside this one up to date: `cargo run --bin compare` builds only `compare`.
pub(crate) fn build_programs() -> Result {
    let Some(cargo) = std::env::var_os("CARGO") else {
        return Ok(());
    };
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", "runner-bench", "--bins"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let status = command.stdin(Stdio::null()).status()?;
    if !status.success() {
        return Err("the programs to compare do not build".into());
    }
    Ok(())
}

/// `program`, bound to one core when `core` is given.
pub(crate) fn pinned(program: &Path, core: Option<usize>) -> Command {
    let Some(core) = core else {
        return Command::new(program);
    };
    let mut command = Command::new("taskset");
    command.arg("--cpu-list").arg(core.to_string()).arg(program);
    command
}

/// A program that was built beside this one.
pub(crate) fn sibling(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.exists() {
        return Ok(path);
    }
    Err(format!("no `{}`; run `cargo build --release -p runner-bench`", path.display()).into())
}

/// Debian keeps nginx in a folder that is not on an ordinary user's path.
fn find_nginx() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join("nginx"))
        .find(|file| file.is_file())
}

fn nginx_config(folder: &Path, address: SocketAddr, workers: u32) -> String {
    let folder = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {folder}/{kind};\n"))
        .concat();
    format!(
        r#"daemon off;
worker_processes {workers};
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
{temporary}  access_log off;
  default_type text/plain;
  keepalive_requests 1000000000;
  server {{
    listen {address} reuseport;
    location / {{ return 200 "Hello, world!"; }}
    location = /pid {{ return 200 "$pid"; }}
  }}
}}
"#
    )
}

/// An address nobody listens on. It is free again when this returns, so somebody could still take
/// it first; then the peer says so and the run ends.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// The body of the answer to one request over a connection of its own.
fn get(address: SocketAddr, path: &str, timeout: Duration) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    parse_answer(&answer).map(str::to_owned).ok_or_else(|| format!("answered {answer:?}").into())
}

fn parse_answer(answer: &str) -> Option<&str> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200 ").then_some(body)
}

fn as_pid(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_200_is_an_answer() {
        assert_eq!(parse_answer("HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody"), Some("body"));
        assert_eq!(parse_answer("HTTP/1.1 503 No\r\nA: b\r\n\r\nbody"), None);
        assert_eq!(parse_answer("HTTP/1.1 200 OK\r\nA: b\r\n"), None);
    }

    #[test]
    fn the_nginx_configuration_names_its_own_folder_only() {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 8123));
        let text = nginx_config(Path::new("/folder"), address, 3);
        assert!(text.contains("worker_processes 3;"), "{text}");
        assert!(text.contains("listen 127.0.0.1:8123 reuseport;"), "{text}");
        assert_eq!(text.matches("_temp_path /folder/").count(), 5, "{text}");
    }
}
