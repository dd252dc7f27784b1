//! A peer that runs: how it is asked, what it is made to do, and how it is ended.

use crate::Result;
use crate::peer::{Happening, Peer, RUNNER_PID_FILE};
use crate::process::{self, Process};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// From the start of a peer to its first answer, at most; of an upgraded one too.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// From the request to stop to the end of a peer, at most; then it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// Between two looks at something that has no descriptor to wait on.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// A started peer; dropping it ends it and all it started, and removes its files.
pub(crate) struct Running {
    peer: Peer,
    child: Child,
    pub(crate) address: SocketAddr,
    folder: TempDir,
}

impl Running {
    /// Starts it on a free port, on one core when `core` is given, and waits for its first answer.
    pub(crate) fn start(peer: Peer, workers: u32, core: Option<usize>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let mut command = peer.command(workers, core, address, folder.path())?;
        let child =
            command.spawn().map_err(|error| format!("cannot start {command:?}: {error}"))?;
        let mut running = Self { peer, child, address, folder };
        running.await_answer()?;
        Ok(running)
    }

    /// Makes it happen; a reload goes on after this has returned.
    pub(crate) fn undergo(&self, happening: Happening) -> Result {
        match (self.peer, happening) {
            (Peer::Hyper, _) => Err("it has no workers to replace".into()),
            (Peer::Runner, Happening::Reload) | (Peer::Haproxy, _) => self.signal(Signal::SIGUSR2),
            (Peer::Runner, Happening::Upgrade) => self.upgrade_runner(),
            (Peer::Nginx, Happening::Reload) => self.signal(Signal::SIGHUP),
            (Peer::Nginx, Happening::Upgrade) => self.upgrade_nginx(),
        }
    }

    /// The pid of the master. It changes when nginx is upgraded.
    pub(crate) fn pid(&self) -> u32 {
        match self.peer {
            Peer::Nginx => self.read_pid("nginx.pid").unwrap_or_else(|| self.child.id()),
            Peer::Hyper | Peer::Runner | Peer::Haproxy => self.child.id(),
        }
    }

    /// The processes that the master has started itself.
    pub(crate) fn workers(&self) -> Vec<Process> {
        children(self.pid())
    }

    /// The pid of the worker that answers a new connection.
    pub(crate) fn ask_pid(&self, timeout: Duration) -> Result<u32> {
        Ok(get(self.address, "/pid", timeout)?.trim().parse()?)
    }

    fn upgrade_runner(&self) -> Result {
        let mut command = Command::new(self.peer.program()?);
        let output =
            command.args(["upgrade", RUNNER_PID_FILE]).current_dir(self.folder.path()).output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("the upgrade ended with {}: {said}", output.status).into())
    }

    /// The way that its manual shows: a second master starts, and when it has as many workers, the
    /// first one lets its own go, and goes itself.
    fn upgrade_nginx(&self) -> Result {
        let old = self.pid();
        let workers = self.workers().len();
        self.signal(Signal::SIGUSR2)?;
        self.wait("the new master has its workers", || {
            let new = self.read_pid("nginx.pid").filter(|new| *new != old)?;
            (children(new).len() >= workers).then_some(())
        })?;
        for signal in [Signal::SIGWINCH, Signal::SIGQUIT] {
            signal_own(old, signal)?;
        }
        self.wait("the old master is gone", || own(old).is_none().then_some(()))
    }

    fn wait(&self, what: &str, mut probe: impl FnMut() -> Option<()>) -> Result {
        let deadline = Instant::now() + START_TIMEOUT;
        while probe().is_none() {
            if Instant::now() > deadline {
                return Err(format!("waited too long until {what}\n{}", self.log()?).into());
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result {
        signal_own(self.pid(), signal)
    }

    fn read_pid(&self, file: &str) -> Option<u32> {
        fs::read_to_string(self.folder.path().join(file)).ok()?.trim().parse().ok()
    }

    fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.path().join("output.log"))?)
    }

    fn await_answer(&mut self) -> Result {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let answer = get(self.address, "/", Duration::from_secs(1));
            if answer.as_deref().is_ok_and(|body| body == "Hello, world!") {
                return Ok(());
            }
            let reason = match self.child.try_wait()? {
                Some(status) if !status.success() => format!("ended with {status}"),
                _ if Instant::now() > deadline => match answer {
                    Ok(body) => format!("answered {body:?}"),
                    Err(error) => format!("did not answer in {START_TIMEOUT:?}: {error}"),
                },
                _ => {
                    std::thread::sleep(POLL_INTERVAL);
                    continue;
                }
            };
            return Err(format!("{} {reason}\n{}", self.peer.name(), self.log()?).into());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let started = process::tree(self.pid());
        let _ = self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + STOP_TIMEOUT;
        while started.iter().any(Process::is_alive) && Instant::now() < deadline {
            // Else the child stays as a zombie.
            let _ = self.child.try_wait();
            std::thread::sleep(POLL_INTERVAL);
        }
        for process in started.iter().filter(|process| process.is_alive()) {
            let _ = kill(as_pid(process.pid), Signal::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The processes that one has started itself and that are not gone yet.
fn children(pid: u32) -> Vec<Process> {
    let mut processes = process::tree(pid);
    processes.retain(|process| process.is_child_of(pid));
    processes
}

/// A process that this one has started, directly or not. While it is seen below this process its pid
/// cannot belong to anyone else.
fn own(pid: u32) -> Option<Process> {
    process::tree(std::process::id()).into_iter().find(|it| it.pid == pid && it.is_alive())
}

fn signal_own(pid: u32, signal: Signal) -> Result {
    let process = own(pid).ok_or_else(|| format!("{pid} is no process of this run"))?;
    Ok(kill(as_pid(process.pid), signal)?)
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
}
