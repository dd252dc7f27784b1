//! The example is started, talked to and stopped.

use nix::sys::signal::Signal;
use runner_tests::{Program, get};

#[test]
fn a_router_answers() {
    let mut program = Program::new(env!("CARGO_BIN_EXE_axum_router"))
        .env("RUNNER_SERVER_API__BIND", "127.0.0.1:0")
        .env("RUNNER_SERVER_API__WORKERS", "1")
        .spawn()
        .ready();
    let address = program.address("api");
    for (path, expected) in [("/hello/you", "hello you\n"), ("/hits", "1")] {
        assert_eq!(get(address, path).expect("an answer").text(), expected);
    }
    assert_eq!(get(address, "/nothing").expect("an answer").status, 404);
    program.signal(Signal::SIGQUIT);
    assert!(program.wait().success());
    program.wait_for("answered 1 greetings");
}
