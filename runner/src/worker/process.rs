//! What a fresh child does before user code runs, in this order: standard streams, environment,
//! title, confinement, tie to the master, signals. User code then runs on a thread of its own.

use super::seed::Seed;
use super::{panics, runtime};
use crate::error::{Error, Result};
use crate::os::title::{self, Title};
use crate::os::{abort, deadline, environment, inherited, lifeline, notify, signal, thread};
use crate::server::Identity;
use crate::title::{WorkerState, WorkerTitle};
use std::fmt;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How much longer than its drain a worker may take before it kills itself; its master, if it still
/// has one, kills it earlier.
const FUSE_MARGIN: Duration = Duration::from_secs(3);

/// Exit codes of a worker.
pub(super) const EXIT_DONE: u8 = 0;
const EXIT_START_FAILED: u8 = 1;
/// Trying again is useless: `EX_CONFIG` of sysexits(3).
const EXIT_MISCONFIGURED: u8 = 78;

/// Runs the worker; what it returns is its exit code. `preload` is the first user code.
pub(crate) fn run(mut seed: Seed, preload: impl FnOnce() -> Result) -> u8 {
    if let Err(error) = become_worker(&mut seed) {
        return fail(&seed.kit.channel, &error);
    }
    if let Err(error) = preload() {
        return fail(&seed.kit.channel, &Error::msg(format!("`preload` failed: {error}")));
    }
    let server = seed.orders.identity.server.clone();
    let mut seed = Some(seed);
    let code = thread::run_on_fresh(&server, || seed.take().map_or(EXIT_DONE, runtime::serve));
    code.unwrap_or_else(|error| {
        let error = Error::msg(format!("cannot start a thread: {error}"));
        seed.map_or(EXIT_START_FAILED, |seed| fail(&seed.kit.channel, &error))
    })
}

fn become_worker(seed: &mut Seed) -> Result {
    let describe = |what: &str| {
        let what = what.to_owned();
        move |error: io::Error| Error::msg(format!("{what}: {error}"))
    };
    std::mem::take(&mut seed.kit.stdio).redirect().map_err(describe("cannot redirect"))?;
    let unknown = [notify::VARIABLES, inherited::VARIABLES].concat();
    environment::forget(&unknown).map_err(describe("cannot change the environment"))?;
    panics::log(&seed.orders.identity);
    let name = title_of(&seed.orders.identity, WorkerState::Ready).to_string();
    title::name_process(&name);
    show(seed.title, &seed.orders.identity, WorkerState::Starting);
    seed.orders.confinement.apply().map_err(Error::configuration)?;
    lifeline::drain_when_parent_dies(seed.orders.master_pid)
        .map_err(describe("cannot watch the master"))?;
    signal::reset_for_worker().map_err(describe("cannot reset signals"))?;
    abort::explain_aborts(format!("worker {name}"), seed.orders.master_pid)
        .map_err(describe("cannot handle ABRT"))?;
    deadline::kill_self_after_quit(seed.orders.drain_timeout + FUSE_MARGIN)
        .map_err(describe("cannot make a deadline"))?;
    Ok(())
}

/// Shows in `ps` what the worker is at.
pub(super) fn show(title: Option<Title>, identity: &Identity, state: WorkerState) {
    if let Some(title) = title {
        title.set(&title_of(identity, state).to_string());
    }
}

fn title_of(identity: &Identity, state: WorkerState) -> WorkerTitle {
    let Identity { server, slot, generation } = identity.clone();
    WorkerTitle { server, slot, generation, state }
}

/// Tells the master why there is no worker, and gives the code to exit with.
pub(super) fn fail(channel: &UnixStream, error: &Error) -> u8 {
    let (word, code) = if error.is_configuration() {
        ("MISCONFIGURED", EXIT_MISCONFIGURED)
    } else {
        ("FAILED", EXIT_START_FAILED)
    };
    say(channel, format_args!("{word} {}", error.to_string().replace('\n', "; ")));
    code
}

/// Says a line to the master. It may be gone, and then nobody needs to know.
pub(super) fn say(mut channel: &UnixStream, line: fmt::Arguments<'_>) {
    // At once, so that the lines of several threads do not mix.
    let _ = channel.write_all(format!("{line}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn the_reason_of_a_failure_is_one_line_and_its_class_a_code() {
        for (error, said, code) in [
            (Error::msg("no database\nno luck"), "FAILED no database; no luck\n", 1),
            (Error::configuration("no DATABASE"), "MISCONFIGURED no DATABASE\n", 78),
        ] {
            let (mut master, worker) = UnixStream::pair().unwrap();
            assert_eq!(fail(&worker, &error), code);
            drop(worker);
            let mut heard = String::new();
            master.read_to_string(&mut heard).unwrap();
            assert_eq!(heard, said);
        }
    }
}
