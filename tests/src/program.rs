//! A program under test: its process, its output and its workers.

use crate::{PATIENCE, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running program. Dropping it kills it and everything it forked.
pub struct Program {
    child: Child,
    lines: Arc<Lines>,
    directory: Arc<TempDir>,
}

/// A worker process, as its title tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Its pid.
    pub pid: i32,
    /// `server slot/generation`, and its state unless it serves.
    pub title: String,
}

/// What the program has printed so far, on both streams.
#[derive(Default)]
struct Lines {
    seen: Mutex<Vec<String>>,
    more: Condvar,
}

/// How to start a program.
pub struct Start {
    command: Command,
    directory: Arc<TempDir>,
}

impl Program {
    /// Prepares a program to run in a fresh directory of its own.
    #[must_use]
    pub fn new(executable: impl AsRef<Path>) -> Start {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new(executable.as_ref());
        command
            .current_dir(directory.path())
            .env("RUNNER_LOG", "info")
            .stdin(Stdio::null());
        Start {
            command,
            directory: Arc::new(directory),
        }
    }

    /// The pid of the process that was started: the master, unless it daemonizes.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// The directory the program was started in.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Waits for a line that contains `text` and returns it.
    pub fn wait_for(&self, text: &str) -> String {
        self.wait_for_nth(text, 1)
    }

    /// Waits until `count` lines contain `text` and returns the last of them.
    pub fn wait_for_nth(&self, text: &str, count: usize) -> String {
        let began = Instant::now();
        let mut seen = self.lines.seen.lock().expect("no reader panics");
        loop {
            if let Some(line) = seen
                .iter()
                .filter(|line| line.contains(text))
                .nth(count - 1)
            {
                return line.clone();
            }
            let left = PATIENCE.saturating_sub(began.elapsed());
            assert!(
                !left.is_zero(),
                "no `{text}` ({count}) in:\n{}",
                seen.join("\n")
            );
            (seen, _) = self
                .lines
                .more
                .wait_timeout(seen, left)
                .expect("no reader panics");
        }
    }

    /// The lines so far.
    #[must_use]
    pub fn output(&self) -> Vec<String> {
        self.lines.seen.lock().expect("no reader panics").clone()
    }

    /// Waits until every server is READY.
    #[must_use]
    pub fn ready(self) -> Self {
        self.wait_for(" ready pid=");
        self
    }

    /// The first address of a server.
    #[must_use]
    pub fn address(&self, server: &str) -> SocketAddr {
        let mark = format!("server=\"{server}\"");
        let line = self.wait_for(&mark);
        let (_, addresses) = line
            .split_once("listening on ")
            .expect("a line of the start-up table");
        let end = addresses.find([',', ' ']).unwrap_or(addresses.len());
        addresses[..end].parse().expect("an address")
    }

    /// Signals the master.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).expect("the master runs");
    }

    /// The workers that exist now.
    #[must_use]
    pub fn workers(&self) -> Vec<Worker> {
        workers_of(self.pid())
    }

    /// Waits until there are `count` workers, all serving and of `generation` or later.
    pub fn wait_for_workers(&self, count: usize, generation: u32) -> Vec<Worker> {
        eventually(
            &format!("{count} workers of generation {generation} serve"),
            || {
                let workers = self.workers();
                let fits = workers.iter().all(|worker| worker.serves_since(generation));
                (workers.len() == count && fits).then_some(workers)
            },
        )
    }

    /// Waits for the end of the process that was started.
    pub fn wait(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually("the program ends", || {
            child.try_wait().expect("a child of ours")
        })
    }

    /// Runs another command of the same program in its directory, such as `status`.
    pub fn verb(&self, executable: impl AsRef<Path>, arguments: &[&str]) -> std::process::Output {
        Command::new(executable.as_ref())
            .args(arguments)
            .current_dir(self.directory())
            .stdin(Stdio::null())
            .output()
            .expect("the program runs")
    }
}

impl Worker {
    /// The generation of a worker that serves; none while it starts or drains.
    #[must_use]
    pub fn serving_generation(&self) -> Option<u32> {
        self.title.rsplit_once('/')?.1.parse().ok()
    }

    fn serves_since(&self, generation: u32) -> bool {
        self.serving_generation()
            .is_some_and(|own| own >= generation)
    }
}

impl Start {
    /// Adds command-line arguments.
    #[must_use]
    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Writes a file into the program's directory.
    #[must_use]
    pub fn file(self, name: &str, content: &str) -> Self {
        fs::write(self.directory.path().join(name), content).expect("a file");
        self
    }

    /// Runs in the directory of another program.
    #[must_use]
    pub fn beside(mut self, other: &Program) -> Self {
        self.directory = other.directory.clone();
        self.command.current_dir(self.directory.path());
        self
    }

    /// Changes the command itself.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Command)) -> Self {
        change(&mut self.command);
        self
    }

    /// The directory that the program will run in.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// Starts it.
    #[must_use]
    pub fn spawn(mut self) -> Program {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().expect("the program starts");
        let lines = Arc::new(Lines::default());
        read(child.stdout.take().expect("a pipe"), lines.clone());
        read(child.stderr.take().expect("a pipe"), lines.clone());
        Program {
            child,
            lines,
            directory: self.directory,
        }
    }

    /// Starts it and waits for its end.
    #[must_use]
    pub fn output(mut self) -> std::process::Output {
        self.command.output().expect("the program starts")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A stopped master could not be told from one that forks on while it is killed.
        let _ = kill(Pid::from_raw(self.pid()), Signal::SIGSTOP);
        for worker in children_of(self.pid()) {
            let _ = kill(Pid::from_raw(worker), Signal::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The workers of a master, by the titles of its children.
#[must_use]
pub fn workers_of(master: i32) -> Vec<Worker> {
    let title = |pid: i32| {
        let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let title = String::from_utf8_lossy(&bytes)
            .trim_end_matches('\0')
            .to_owned();
        (!title.is_empty()).then_some(Worker { pid, title })
    };
    children_of(master).into_iter().filter_map(title).collect()
}

fn children_of(pid: i32) -> Vec<i32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    children
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// Collects lines on a thread until the stream ends.
fn read(stream: impl Read + Send + 'static, lines: Arc<Lines>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            lines.seen.lock().expect("no reader panics").push(line);
            lines.more.notify_all();
        }
    });
}

/// Values of /proc/PID/status, by name.
#[must_use]
pub fn proc_status(pid: i32) -> HashMap<String, String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let pair = |line: &str| {
        line.split_once(':')
            .map(|(k, v)| (k.to_owned(), v.trim().to_owned()))
    };
    status.lines().filter_map(pair).collect()
}

/// Whether a process exists and is not a zombie.
#[must_use]
pub fn is_alive(pid: i32) -> bool {
    proc_status(pid)
        .get("State")
        .is_some_and(|state| !state.starts_with('Z'))
}

/// Waits until a process is gone.
pub fn wait_until_gone(pid: i32, within: Duration) {
    let began = Instant::now();
    eventually(&format!("{pid} is gone"), || (!is_alive(pid)).then_some(()));
    assert!(
        began.elapsed() <= within,
        "{pid} took {:?} to go",
        began.elapsed()
    );
}
