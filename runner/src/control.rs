//! The verbs that act on a running master. They find it by its pid file, signal it, and look at its
//! processes until the outcome is known.

use crate::cli::Verb;
use crate::config::{Config, ServerSettings};
use crate::os::memory::private_memory;
use crate::os::pidfile;
use crate::os::process::{self, Process, Signal};
use crate::title::{WorkerState as State, WorkerTitle};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// How often the processes are looked at while a reload or a restart goes on.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How often in a row no progress is seen before a reload counts as failed.
const LOOKS_WITHOUT_PROGRESS: u32 = 20;

/// How much longer than the master itself a verb waits for the outcome.
const MARGIN: Duration = Duration::from_secs(10);

/// Carries out a verb on the running program; what it returns is for people.
pub(crate) fn perform(verb: Verb, config: &Config) -> Result<String, String> {
    let pid_file = config.master.pid_file.as_ref().map(|path| path.value.as_path());
    let running = Running::find(pid_file)?;
    let longest = |of: fn(&ServerSettings) -> Duration| {
        config.servers.iter().map(|server| of(&server.settings)).max().unwrap_or_default() + MARGIN
    };
    let draining = longest(|settings| settings.drain_timeout.value);
    let starting = longest(|settings| settings.start_timeout.value * settings.workers.value.max);
    match verb {
        Verb::Stop { now } => running.stop(now, draining),
        Verb::Reload => running.replace(Signal::USR2, "reloaded", starting),
        Verb::Restart => running.replace(Signal::USR1, "restarted", starting),
        _ => Ok(running.status()),
    }
}

/// A master that runs.
struct Running {
    master: Process,
}

impl Running {
    /// Finds the master that holds the pid file.
    fn find(pid_file: Option<&Path>) -> Result<Self, String> {
        let path = pid_file.ok_or(
            "the running program is found by its pid file, and none is configured; \
             give one with `pid_file` or `--master.pid_file=PATH`",
        )?;
        let shown = path.display();
        let holder =
            || pidfile::holder(path).map_err(|error| format!("cannot read `{shown}`: {error}"));
        let pid = holder()?.ok_or_else(|| format!("not running: nobody holds `{shown}`"))?;
        let master =
            Process::open(pid).map_err(|error| format!("cannot reach pid {pid}: {error}"))?;
        // The descriptor may have come too late and be another process's; then the holder differs.
        if holder()? != Some(pid) {
            return Err(format!("not running: nobody holds `{shown}` any more"));
        }
        Ok(Self { master })
    }

    /// Stops the program, draining unless `now`, and waits until it is gone.
    fn stop(&self, now: bool, patience: Duration) -> Result<String, String> {
        self.signal(if now { Signal::INT } else { Signal::QUIT })?;
        if self.has_ended_within(patience)? {
            Ok(format!("stopped (pid {})", self.master.pid()))
        } else {
            Err(format!("pid {} still runs after {patience:?}", self.master.pid()))
        }
    }

    /// Has the workers replaced and waits until a new one serves in every slot.
    fn replace(&self, signal: Signal, done: &str, patience: Duration) -> Result<String, String> {
        let before = self.workers();
        let newest = before.iter().map(|worker| worker.generation).max();
        let newest = newest.unwrap_or(0);
        let slots: BTreeSet<_> =
            before.iter().filter(|worker| worker.state != State::Draining).map(place).collect();
        self.signal(signal)?;
        let began = Instant::now();
        let mut without_progress = 0;
        while began.elapsed() < patience {
            if self.has_ended_within(LOOK_EVERY)? {
                return Err("the master has ended meanwhile; its log says why".to_owned());
            }
            let forked = self.has_nameless_child();
            let now = self.workers();
            let (new, old): (Vec<_>, Vec<_>) =
                now.iter().partition(|worker| worker.generation > newest);
            let starting = forked || new.iter().any(|worker| worker.state == State::Starting);
            let ready = new.iter().filter(|worker| worker.state == State::Ready);
            let replaced: BTreeSet<_> = ready.map(|worker| place(worker)).collect();
            if replaced.is_superset(&slots) && !starting {
                return Ok(format!("{done}: {} workers serve", replaced.len()));
            }
            // A restart begins with the end of the old workers, which may take its time.
            let ending = signal == Signal::USR1 && !old.is_empty();
            without_progress = if starting || ending { 0 } else { without_progress + 1 };
            if without_progress == LOOKS_WITHOUT_PROGRESS {
                let (replaced, all) = (replaced.len(), slots.len());
                let rest = if signal == Signal::USR2 { ", the others go on serving" } else { "" };
                return Err(format!(
                    "only {replaced} of {all} workers were replaced{rest}; the log of the master says why",
                ));
            }
        }
        Err(format!("not done after {patience:?}; the log of the master says why"))
    }

    /// A table of the master and its workers.
    fn status(&self) -> String {
        let mut table = format!("master  pid {}\n", self.master.pid());
        let _ = write!(
            table,
            "{:<24}{:>6}{:>12}{:>9}{:>12}  STATE",
            "SERVER", "SLOT", "GENERATION", "PID", "MEMORY"
        );
        for (pid, worker) in self.children() {
            let WorkerTitle { server, slot, generation, state } = worker;
            let memory = private_memory(pid, 0)
                .map_or_else(|_| "?".to_owned(), |bytes| format!("{} KiB", bytes / 1024));
            let _ = write!(
                table,
                "\n{server:<24}{slot:>6}{generation:>12}{pid:>9}{memory:>12}  {state}"
            );
        }
        table
    }

    fn workers(&self) -> Vec<WorkerTitle> {
        self.children().map(|(_, worker)| worker).collect()
    }

    /// The workers with their pids.
    fn children(&self) -> impl Iterator<Item = (i32, WorkerTitle)> {
        let children = process::children(self.master.pid()).into_iter();
        children.filter_map(|pid| Some((pid, WorkerTitle::parse(&process::command_line(pid)?)?)))
    }

    /// Whether there is a child that has not got a name of its own yet.
    fn has_nameless_child(&self) -> bool {
        let own = process::command_line(self.master.pid());
        let children = process::children(self.master.pid());
        children.into_iter().any(|child| process::command_line(child) == own)
    }

    fn signal(&self, signal: Signal) -> Result<(), String> {
        let pid = self.master.pid();
        self.master.signal(signal).map_err(|error| format!("cannot signal pid {pid}: {error}"))
    }

    /// Waits for the end of the master; false when it still runs after `patience`.
    fn has_ended_within(&self, patience: Duration) -> Result<bool, String> {
        let mut descriptor = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
        let ended = poll(&mut descriptor, timeout);
        ended.map(|count| count > 0).map_err(|error| format!("cannot wait: {error}"))
    }
}

/// The server and the slot of a worker.
fn place(worker: &WorkerTitle) -> (&str, u32) {
    (&worker.server, worker.slot)
}
