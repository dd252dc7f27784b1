//! Sockets that whoever starts the program has opened.

use crate::FIXTURE;
use crate::listeners::addresses;
use nix::sys::signal::Signal;
use runner_tests::{Program, Start, get, listeners};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Stdio;

/// A socket that was inherited is served, by all workers and across a reload, and the queue that it
/// came with is not lost.
#[test]
fn a_descriptor_is_taken_over() {
    let (listener, address) = listener();
    let early = std::net::TcpStream::connect(address).unwrap();
    let program = launch("exec \"$0\" 3<&0 0</dev/null", listener)
        .env("RUNNER_SERVER_WEB__BIND", "fd:3")
        .spawn()
        .ready();
    assert_eq!(addresses(&program, "web"), [address.to_string()]);
    let mut early = early;
    assert_eq!(runner_tests::get_on(&mut early, "/").unwrap().text(), "hello\n");
    let workers = program.workers_of("web");
    assert_eq!(listeners(workers[0].pid), listeners(workers[1].pid));
    program.signal(Signal::SIGUSR2);
    program.wait_for("reload finished");
    assert_eq!(get(address, "/").unwrap().text(), "hello\n");
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// The file of an inherited unix socket belongs to whoever has made it.
#[test]
fn the_file_of_an_inherited_socket_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let program = launch("exec \"$0\" 7<&0 0</dev/null", listener.into())
        .env("RUNNER_SERVER_ECHO__BIND", "fd:7")
        .spawn()
        .ready();
    assert_eq!(addresses(&program, "echo"), [format!("unix:{}", path.display())]);
    crate::listeners_unix::echoes(&mut UnixStream::connect(&path).unwrap());
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
    assert!(path.exists());
}

/// Sockets of a service manager are found by their names, all of one name, and workers learn
/// nothing of it; so it is with workers that are executed.
#[test]
fn sockets_of_a_service_manager_are_found_by_name() {
    for spawn in ["fork", "exec"] {
        let (listener, address) = listener();
        let script = "export LISTEN_PID=$$ LISTEN_FDS=3 LISTEN_FDNAMES=web:other:web; \
                      exec \"$0\" 3<&0 4<&0 5<&0 0</dev/null";
        let program = launch(script, listener)
            .env("RUNNER_SERVER_WEB__BIND", "systemd:web")
            .env("RUNNER_MASTER__SPAWN", spawn)
            .spawn()
            .ready();
        assert_eq!(addresses(&program, "web"), [address.to_string(), address.to_string()]);
        assert_eq!(get(address, "/variables").unwrap().text(), "0\n", "{spawn}");
        assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
    }
}

/// What was not passed, or is not what it should be, is an error before anything is started.
#[test]
fn what_cannot_be_taken_over_is_told() {
    let none = "exec \"$0\" 0</dev/null";
    let own_pid = "export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web; \
                   exec \"$0\" 3<&0 0</dev/null";
    let other_pid = "export LISTEN_PID=1 LISTEN_FDS=1; exec \"$0\" 3<&0 0</dev/null";
    for (script, bind, expected) in [
        (none, "fd:33", "cannot listen on fd:33: descriptor 33: nothing is open there"),
        ("exec \"$0\" 9</dev/null", "fd:9", "descriptor 9: it is no socket"),
        (none, "systemd:web", "LISTEN_PID and LISTEN_FDS are not set"),
        (none, "systemd", "LISTEN_PID and LISTEN_FDS are not set"),
        (other_pid, "systemd", "LISTEN_PID is 1, and this is"),
        (own_pid, "systemd:wbe", "no socket of this name was passed, but `web`"),
        (own_pid, "fd:3,systemd:web", "descriptor 3: it was not inherited, or is taken already"),
    ] {
        let ended = launch(script, listener().0).env("RUNNER_SERVER_WEB__BIND", bind).run();
        assert_eq!(ended.code, Some(1), "{bind}: {}", ended.text());
        assert!(ended.says("server.web.bind: "), "{bind}: {}", ended.text());
        assert!(ended.says(expected), "{bind}: {}", ended.text());
    }
}

fn listener() -> (OwnedFd, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener.into(), address)
}

/// Starts the fixture by a script, which finds a socket in its standard input.
fn launch(script: &str, socket: OwnedFd) -> Start {
    Program::new("sh").args(&["-c", script, FIXTURE]).with(|command| {
        command.stdin(Stdio::from(socket));
    })
}
