//! The verbs that act on a running master, and what they print.

use super::client::Client;
use super::control_path;
use super::protocol::{Outcome, Request, Status, Why};
use super::running::Running;
use super::table;
use crate::cli::Control;
use crate::config::{Config, ServerSettings};
use crate::os::memory::private_memory;
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::thread;
use std::time::Duration;

/// How much longer than the master itself a verb waits for the outcome.
const MARGIN: Duration = Duration::from_secs(30);

/// How long the master may take to answer when there is nothing to wait for.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

/// How often `--watch` looks.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Makes room on a terminal: to the first column of the first line, and erase all (ECMA-48).
const CLEAR: &str = "\x1b[H\x1b[2J";

const NO_SOCKET: &str = "\
the running program is found by the control socket beside its pid file, and none is configured; \
give one with `pid_file` or `--master.pid_file=PATH`";

/// Carries out a verb on the running program, and prints the outcome.
pub(crate) fn perform(verb: Control, config: &Config) -> Result<(), String> {
    let pid_file = config.master.pid_file.as_ref().map(|path| path.value.as_path());
    let socket = control_path(&config.master);
    let client = || {
        let socket = socket.as_ref().ok_or(NO_SOCKET)?;
        Ok::<_, String>(Client { socket: &socket.value, pid_file })
    };
    let change = |request| client()?.ask::<Outcome>(&request, patience(config));
    let done = match verb {
        Control::Stop { now } => Running::find(pid_file)?.stop(now, patience(config))?,
        Control::Reload => renewed("reloaded", &change(Request::Reload)?),
        Control::Upgrade => renewed("upgraded", &change(Request::Upgrade)?),
        Control::Restart => renewed("restarted", &change(Request::Restart)?),
        Control::Reconfigure => {
            let Outcome { changes, .. } = change(Request::Reconfigure)?;
            if changes.is_empty() { "unchanged".to_owned() } else { changes.join("\n") }
        }
        Control::Scale { server, to } => {
            let Outcome { workers, .. } = change(Request::Scale { server: server.clone(), to })?;
            format!("scaled: {workers} workers serve `{server}`")
        }
        Control::Reopen => {
            change(Request::Reopen)?;
            "reopened".to_owned()
        }
        Control::Why { json } => {
            let why: Why = client()?.ask(&Request::Why, ANSWER_PATIENCE)?;
            if json { to_json(&why) } else { table::why(&why) }
        }
        Control::Status { json, watch: false } => status(client()?, json)?,
        Control::Status { json, watch: true } => return watch(client()?, json),
    };
    // A closed pipe behind it is no reason to fail.
    let _ = writeln!(io::stdout(), "{done}");
    Ok(())
}

/// What has changed, and what is there now.
fn renewed(how: &str, outcome: &Outcome) -> String {
    let mut lines = outcome.changes.clone();
    lines.push(format!("{how}: {} workers serve", outcome.workers));
    lines.join("\n")
}

/// Prints the status again and again, until the program ends or nobody reads it any more.
fn watch(client: Client<'_>, json: bool) -> Result<(), String> {
    let mut stdout = io::stdout();
    let before = match (stdout.is_terminal(), json) {
        (true, false) => CLEAR,
        _ => "",
    };
    loop {
        let status = status(client, json)?;
        if writeln!(stdout, "{before}{status}").is_err() {
            return Ok(());
        }
        thread::sleep(WATCH_EVERY);
    }
}

fn status(client: Client<'_>, json: bool) -> Result<String, String> {
    let mut status: Status = client.ask(&Request::Status, ANSWER_PATIENCE)?;
    for worker in status.servers.iter_mut().flat_map(|server| &mut server.workers) {
        worker.memory_bytes = worker.pid.and_then(|pid| private_memory(pid, 0).ok());
    }
    Ok(if json { to_json(&status) } else { table::status(&status) })
}

/// How long a change may take, with every worker starting or draining after the other.
fn patience(config: &Config) -> Duration {
    let longest = |settings: &ServerSettings| {
        settings.start_timeout.value * settings.workers.value.max + settings.drain_timeout.value
    };
    let servers = config.servers.iter().map(|server| longest(&server.settings));
    servers.max().unwrap_or_default() + MARGIN
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("numbers, text and lists of them have a form in JSON")
}
