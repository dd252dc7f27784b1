//! A server whose workers abort at their start, beside one that is well.

use crate::cli::Options;
use crate::figure::Figure;
use crate::{Interrupt, Result, trial};
use nix::sys::signal::Signal;
use runner_tests::{Pinned, Program};
use std::fs;
use std::time::{Duration, Instant};

const CLIENTS: usize = 4;

pub(crate) fn run(options: &Options, interrupt: &Interrupt) -> Result<Vec<Figure>> {
    let mut program = trial::prepare(1)?.spawn().ready();
    let clients = Pinned::start(program.address("healthy"), CLIENTS);
    lose(&program, "faulty")?;
    let (began, used) = (Instant::now(), run_time(program.pid())?);
    while began.elapsed() < options.duration {
        interrupt.check()?;
        std::thread::sleep(Duration::from_millis(50));
    }
    let used = run_time(program.pid())? - used;
    let forks = fs::metadata(program.directory().join("faulty.abort"))?.len();
    let degraded = program.count("server degraded");
    let requests = clients.answered() as f64;
    let failures = clients.stop();

    let alone = Instant::now();
    lose(&program, "healthy")?;
    let code = program.wait().code();
    let ended = alone.elapsed();
    if code != Some(1) {
        return Err(format!("with nothing to serve it ended with {code:?}").into());
    }
    let busy = used.as_secs_f64() / options.duration.as_secs_f64() * 100.0;
    let length = format!("in {:?} of a crash loop", options.duration);
    Ok(vec![
        Figure::new(format!("forks {length}"), forks as f64, "forks").at_most(10.0),
        Figure::new(format!("CPU time of the master {length}"), busy, "%").at_most(1.0),
        Figure::new("times that the log says `server degraded`", degraded as f64, "times"),
        Figure::new("requests that the other server answered", requests, "requests"),
        Figure::new("of them failed", failures.len() as f64, "requests").at_most(0.0),
        Figure::new(
            "from the end of the other server to exit code 1",
            ended.as_secs_f64() * 1e3,
            "ms",
        ),
    ])
}

/// Kills the worker of a server, and lets no other one start.
fn lose(program: &Program, server: &str) -> Result {
    fs::write(program.directory().join(format!("{server}.abort")), "")?;
    let workers = trial::serving(program, server);
    workers.iter().for_each(|worker| worker.signal(Signal::SIGKILL));
    Ok(())
}

/// The time that the one thread of a process has been on a core, to the nanosecond.
fn run_time(pid: i32) -> Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat"))?;
    let first = text.split(' ').next().unwrap_or_default();
    Ok(Duration::from_nanos(first.parse()?))
}
