//! A program under test: its process, its output and its workers.

use crate::eventually;
use crate::inspect::{children_of, executable_of, is_alive, server_in, title_of};
use crate::printed::Printed;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// A running program. Dropping it kills it, everything it forked, and the daemon whose pid file is
/// in its directory.
pub struct Program {
    child: Child,
    executable: PathBuf,
    printed: Arc<Printed>,
    directory: Arc<TempDir>,
    /// The workers that were ever seen; they may outlive their master.
    workers: Mutex<BTreeSet<i32>>,
}

/// A program that has ended, and with it everything that could still have printed.
pub struct Ended {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it has printed, on both streams.
    pub lines: Vec<String>,
    directory: Arc<TempDir>,
}

/// A program that runs in the background. Dropping it kills it and everything it forked.
pub struct Daemon {
    /// The pid of the master.
    pub pid: i32,
}

/// A worker process, as its title tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Its pid.
    pub pid: i32,
    /// `server slot/generation`, and its state unless it serves.
    pub title: String,
}

/// How to start a program.
pub struct Start {
    command: Command,
    directory: Arc<TempDir>,
}

impl Program {
    /// Prepares a program to run in a fresh directory of its own.
    #[must_use]
    #[expect(clippy::new_ret_no_self, reason = "it reads as it is meant")]
    pub fn new(executable: impl AsRef<Path>) -> Start {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new(executable.as_ref());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("RUNNER_") {
                command.env_remove(name);
            }
        }
        command.current_dir(directory.path()).env("RUNNER_LOG", "info").stdin(Stdio::null());
        Start { command, directory: Arc::new(directory) }
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
        self.printed.wait_for_nth(text, count)
    }

    /// The lines so far.
    #[must_use]
    pub fn output(&self) -> Vec<String> {
        self.printed.lines()
    }

    /// How many lines contain `text` so far.
    #[must_use]
    pub fn count(&self, text: &str) -> usize {
        let lines = self.output();
        lines.iter().filter(|line| line.contains(text)).count()
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
        let (_, addresses) =
            line.split_once("listening on ").expect("a line of the start-up table");
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
        let workers = workers_of(self.pid());
        let mut seen = self.workers.lock().expect("nobody panics with it");
        seen.extend(workers.iter().map(|worker| worker.pid));
        workers
    }

    /// The workers of one server.
    #[must_use]
    pub fn workers_of(&self, server: &str) -> Vec<Worker> {
        let mut workers = self.workers();
        workers.retain(|worker| worker.server() == server);
        workers
    }

    /// Waits until there are `count` workers, all serving and of `generation` or later.
    pub fn wait_for_workers(&self, count: usize, generation: u32) -> Vec<Worker> {
        eventually(&format!("{count} workers of generation {generation} serve"), || {
            let workers = self.workers();
            let fits = workers.iter().all(|worker| worker.serves_since(generation));
            (workers.len() == count && fits).then_some(workers)
        })
    }

    /// Waits for the end of the process that was started.
    pub fn wait(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually("the program ends", || child.try_wait().expect("a child of ours"))
    }

    /// Waits for the end of the program and of everything else that could print to its streams.
    #[must_use]
    pub fn finish(mut self) -> Ended {
        Ended {
            code: self.wait().code(),
            lines: self.printed.all_lines(),
            directory: self.directory.clone(),
        }
    }

    /// Signals the master and waits for the end of everything.
    #[must_use]
    pub fn stop(self, signal: Signal) -> Ended {
        self.signal(signal);
        self.finish()
    }

    /// Runs a command of the same program in its directory, such as `status`.
    #[must_use]
    pub fn verb(&self, arguments: &[&str]) -> Ended {
        let start = Self::new(&self.executable).beside(self);
        start.args(arguments).run()
    }
}

impl Ended {
    /// Whether a line contains `text`.
    #[must_use]
    pub fn says(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }

    /// All it has printed.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// The directory it ran in.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

impl Daemon {
    /// The daemon whose pid is in the file.
    #[must_use]
    pub fn at(pid_file: &Path) -> Self {
        let text = fs::read_to_string(pid_file).expect("a pid file");
        Self { pid: text.trim().parse().expect("a pid") }
    }

    /// Its workers.
    #[must_use]
    pub fn workers(&self) -> Vec<Worker> {
        workers_of(self.pid)
    }

    /// Signals it and waits until it and its workers are gone.
    pub fn stop(&self, signal: Signal) {
        let workers = self.workers();
        kill(Pid::from_raw(self.pid), signal).expect("the daemon runs");
        for pid in workers.iter().map(|worker| worker.pid).chain([self.pid]) {
            eventually("the daemon ends", || (!is_alive(pid)).then_some(()));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        kill_tree(self.pid);
    }
}

impl Worker {
    /// The worker that a process is, if it is one.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        let title = title_of(pid)?;
        server_in(&title)?;
        Some(Self { pid, title })
    }

    /// The name of its server.
    #[must_use]
    pub fn server(&self) -> &str {
        server_in(&self.title).unwrap_or_default()
    }

    /// The slot that it is in: `server slot`.
    #[must_use]
    pub fn place(&self) -> &str {
        self.title.rsplit_once('/').map_or("", |(place, _)| place)
    }

    /// Signals it.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid), signal).expect("the worker runs");
    }

    /// The generation of a worker that serves; none while it starts or drains.
    #[must_use]
    pub fn serving_generation(&self) -> Option<u32> {
        self.title.rsplit_once('/')?.1.parse().ok()
    }

    /// Whether it serves, in this generation or a later one.
    #[must_use]
    pub fn serves_since(&self, generation: u32) -> bool {
        self.serving_generation().is_some_and(|own| own >= generation)
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

    /// Runs in a directory that stays.
    #[must_use]
    pub fn in_directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
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
        let executable = PathBuf::from(self.command.get_program());
        let mut child = self.command.spawn().expect("the program starts");
        let printed = Arc::new(Printed::default());
        printed.collect(child.stdout.take().expect("a pipe"));
        printed.collect(child.stderr.take().expect("a pipe"));
        Program { child, executable, printed, directory: self.directory, workers: Mutex::default() }
    }

    /// Starts it with a terminal, or any other file, for its output, and waits for its end.
    #[must_use]
    pub fn run_on(mut self, output: OwnedFd) -> Ended {
        let error = output.try_clone().expect("a descriptor");
        self.command.stdout(output).stderr(error);
        let mut child = self.command.spawn().expect("the program starts");
        // The command holds its copies of the terminal.
        drop(self.command);
        let status = eventually("the program ends", || child.try_wait().expect("a child of ours"));
        Ended { code: status.code(), lines: Vec::new(), directory: self.directory }
    }

    /// Starts it and waits until it has ended with all that it started.
    #[must_use]
    pub fn run(self) -> Ended {
        self.spawn().finish()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if is_alive(self.pid()) {
            kill_tree(self.pid());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let ours = |pid: &i32| {
            let executable = executable_of(*pid);
            executable
                .is_some_and(|path| path.ends_with(self.executable.file_name().unwrap_or_default()))
        };
        let seen = self.workers.lock().map(|seen| seen.clone());
        for orphan in seen.unwrap_or_default().into_iter().filter(ours) {
            kill_tree(orphan);
        }
        if Arc::strong_count(&self.directory) == 1 {
            for daemon in pids_in(self.directory.path()).into_iter().filter(ours) {
                kill_tree(daemon);
            }
        }
    }
}

/// Kills a process and its children.
fn kill_tree(pid: i32) {
    // A stopped master does not fork on while it is killed.
    let _ = kill(Pid::from_raw(pid), Signal::SIGSTOP);
    for child in children_of(pid) {
        kill_tree(child);
    }
    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
}

/// The numbers in the pid files of a directory.
fn pids_in(directory: &Path) -> Vec<i32> {
    let files = fs::read_dir(directory).into_iter().flatten().flatten();
    files
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|end| end == "pid"))
        .filter_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok())
        .filter(|pid| *pid > 1)
        .collect()
}

/// The workers of a master, by the titles of its children.
#[must_use]
pub fn workers_of(master: i32) -> Vec<Worker> {
    children_of(master).into_iter().filter_map(Worker::of).collect()
}
