//! The serving half, through its sockets: what clients may do, must not do and do all the same.
//!
//! Each test says what it guards; the tags are those of the inventory of bugs that the design
//! answers.

mod accept;
mod http;
mod http_drain;
mod http_limits;
mod tcp;
mod tcp_limits;

use runner_tests::{Program, Start, Worker};

/// The program under test: http servers `web`, `typed`, `sum` and `routed` and a tcp server `line`,
/// each with one worker.
fn protocol() -> Start {
    Program::new(env!("CARGO_BIN_EXE_protocol"))
}

/// The program with options of its servers, READY.
fn serving(options: &[&str]) -> Program {
    protocol().args(options).spawn().ready()
}

/// The only worker of a server.
fn worker_of(program: &Program, server: &str) -> Worker {
    let mut workers = program.workers();
    workers.retain(|worker| worker.title.starts_with(&format!("{server} ")));
    workers.pop().expect("a worker")
}

/// The events of a protocol so far, in order: `connect 1`, `close 1`.
fn events(program: &Program, protocol: &str) -> Vec<String> {
    let lines = program.output();
    let events = lines.iter().filter_map(|line| line.strip_prefix(protocol));
    events.map(|event| event.trim_start().to_owned()).collect()
}

/// Lets time pass between two actions of a client that is slow on purpose.
fn dawdle(millis: u64) {
    let until = std::time::Instant::now() + std::time::Duration::from_millis(millis);
    while let Some(left) = until.checked_duration_since(std::time::Instant::now()) {
        std::thread::park_timeout(left);
    }
}
