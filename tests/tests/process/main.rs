//! The supervising half, with real processes: started, signalled, killed and watched.
//!
//! Each test says what it guards; the tags are those of the inventory of bugs and pitfalls that
//! the design answers.

mod bad_input;
mod control;
mod crash;
mod daemon;
mod doomed;
mod exec;
mod health;
mod hooks;
mod leftovers;
mod limits;
mod listeners;
mod listeners_inherited;
mod listeners_unix;
mod logs;
mod losses;
mod master_death;
mod matrix;
mod netns;
mod notify;
mod oom;
mod orphans;
mod pid1;
mod pidfile;
mod privileges;
mod programs;
mod reconfigure;
mod reconfigure_addresses;
mod recycle;
mod reload;
mod rescue;
mod restart;
mod scale;
mod sharing;
mod start_stop;
mod stdio;
mod steering;
mod upgrade;
mod verbs;
mod workers;

use nix::sys::signal::Signal;
use runner_tests::{Program, Start, Worker, children_of, eventually, is_alive};
use std::net::{SocketAddr, TcpListener};

/// The program under test: an http server `web` with two workers, and a tcp server `echo` with one.
const FIXTURE: &str = env!("CARGO_BIN_EXE_fixture");

/// How many workers the fixture has.
const WORKERS: usize = 3;

/// The fixture with its own configuration.
fn fixture() -> Start {
    Program::new(FIXTURE)
}

/// The fixture with a pid file, `app.pid`, by which its verbs find it.
fn with_pid_file() -> Start {
    fixture().file("runner.toml", "[master]\npid_file = \"app.pid\"\n")
}

/// An address with a port that is free now.
fn free_address() -> SocketAddr {
    let probe = TcpListener::bind("127.0.0.1:0").expect("a free port");
    probe.local_addr().expect("an address")
}

/// Waits until the master has exactly the workers of `generation` or later and no other child.
fn settle(program: &Program, generation: u32) {
    eventually("only the newest workers are left", || {
        let workers = program.wait_for_workers(WORKERS, generation);
        (children_of(program.pid()).len() == workers.len()).then_some(())
    });
}

/// Ends a worker by a signal and waits until another one serves in its place.
fn replace(program: &Program, worker: &Worker, signal: Signal) {
    let generation = worker.serving_generation().expect("a worker that serves");
    worker.signal(signal);
    eventually("the worker is gone", || {
        (!children_of(program.pid()).contains(&worker.pid)).then_some(())
    });
    settle(program, generation);
}

/// Asserts that none of the processes exists any more.
fn assert_gone(pids: impl IntoIterator<Item = i32>) {
    let left: Vec<_> = pids.into_iter().filter(|pid| is_alive(*pid)).collect();
    assert!(left.is_empty(), "still there: {left:?}");
}
