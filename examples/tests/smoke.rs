//! Every example is started, talked to and stopped.

use nix::sys::signal::Signal;
use runner_tests::{Program, Start, connect, eventually, get, proc_status};
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

/// Prepares an example whose servers listen on ports that the kernel picks.
fn example(executable: &str, servers: &[&str]) -> Start {
    let free = |start: Start, server: &&str| {
        let key = server.to_uppercase().replace(' ', "_");
        start.env(&format!("RUNNER_SERVER_{key}__BIND"), "127.0.0.1:0")
    };
    servers.iter().fold(Program::new(executable), free)
}

/// Tells the program to stop gracefully and checks that it does.
fn stop(program: &mut Program) {
    program.signal(Signal::SIGQUIT);
    let status = program.wait();
    assert!(status.success(), "{status}\n{}", program.output().join("\n"));
}

/// What a tcp server answers to `text`, until it closes.
fn talk(address: SocketAddr, text: &str) -> String {
    let mut stream = connect(address).expect("a connection");
    stream.write_all(text.as_bytes()).expect("to send");
    stream.shutdown(Shutdown::Write).expect("to say that this is all");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn hello_greets_with_ten_workers() {
    let mut program = example(env!("CARGO_BIN_EXE_hello"), &["hello"]).spawn().ready();
    let reply = get(program.address("hello"), "/").expect("an answer");
    assert_eq!((reply.status, &*reply.text()), (200, "Hi Http client.\n"));
    assert_eq!(program.workers().len(), 10);
    stop(&mut program);
}

#[test]
fn preload_fills_what_all_workers_read() {
    let executable = env!("CARGO_BIN_EXE_preload");
    for spawn in ["fork", "exec"] {
        let start = example(executable, &["spelling"]).env("RUNNER_MASTER__SPAWN", spawn);
        let mut program = start.spawn().ready();
        let address = program.address("spelling");
        assert_eq!(get(address, "/fn").expect("an answer").text(), "a word\n");
        assert_eq!(get(address, "/fnord").expect("an answer").text(), "not a word\n");
        stop(&mut program);
    }
}

#[test]
fn seed_prints_all_its_events() {
    let executable = env!("CARGO_BIN_EXE_seed");
    let mut program = example(executable, &["Http server", "Tcp server"]).spawn();
    let (http, tcp) = (program.address("Http server"), program.address("Tcp server"));
    let log = program.directory().join("stdout.log");
    let stderr = program.directory().join("stderr.log");
    let wait_for = |path, text: &str| {
        eventually(&format!("`{text}` is in the log"), || {
            let log = fs::read_to_string(path).ok()?;
            log.contains(text).then_some(())
        });
    };
    wait_for(&log, "Master process start.");
    assert_eq!(program.workers().len(), 15);

    let reply = get(http, "/?a=1").expect("an answer");
    assert_eq!(reply.text(), "Hi Http client.\n");
    assert_eq!(talk(tcp, "hi"), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nHi");
    reset(tcp);
    wait_for(&stderr, "Connection reset by peer");

    let status = program.verb(&["status"]);
    let table = status.text();
    let ready = table.lines().filter(|line| line.ends_with("  ready"));
    assert_eq!(ready.count(), 15, "{table}");
    stop(&mut program);
    let log = fs::read_to_string(&log).expect("a log");
    for (event, count) in [
        ("Master process start.", 1),
        ("Http server worker start.", 10),
        ("TCP server worker start.", 5),
        ("Some(\"a=1\")", 1),
        ("Socket 1 connected.", 1),
        ("Receive message:hi", 1),
        ("Socket 1 is closed.", 1),
        ("Http server worker stop.", 10),
        ("TCP server worker stop.", 5),
        ("Master process exit.", 1),
    ] {
        assert!(count <= log.matches(event).count(), "{event} in:\n{log}");
    }
    assert!(!program.directory().join("servers-runner.pid").exists());
}

/// While it waits for its load balancer to notice, it serves; a second signal ends the waiting.
#[test]
fn stopping_says_so_and_serves() {
    let mut program = example(env!("CARGO_BIN_EXE_stopping"), &["shop"]).spawn().ready();
    let shop = program.address("shop");
    let ask = |path| get(shop, path).expect("an answer").text();
    assert_eq!(ask("/readyz"), "ready\n");
    program.signal(Signal::SIGQUIT);
    eventually("it says that it stops", || (ask("/readyz") == "stopping\n").then_some(()));
    assert_eq!(ask("/"), "what would you like?\n");
    program.signal(Signal::SIGQUIT);
    assert!(program.wait().success());
}

/// Connects, and ends the connection in the rudest way: with a reset.
fn reset(address: SocketAddr) {
    let stream = connect(address).expect("a connection");
    let rude = nix::libc::linger { l_onoff: 1, l_linger: 0 };
    nix::sys::socket::setsockopt(&stream, nix::sys::socket::sockopt::Linger, &rude)
        .expect("a socket option");
}

#[test]
fn several_files_are_one_program() {
    let executable = env!("CARGO_BIN_EXE_several_files");
    let mut program = example(executable, &["api", "echo"]).spawn().ready();
    program.wait_for("api serves http on ");
    program.wait_for("echo serves tcp on ");
    let reply = get(program.address("api"), "/x").expect("an answer");
    assert!(reply.text().starts_with("/x is request 1 of worker "));
    assert_eq!(talk(program.address("echo"), "hi"), "hi");
    stop(&mut program);
}

#[test]
fn tcp_echo_greets_echoes_and_says_goodbye() {
    let mut program = example(env!("CARGO_BIN_EXE_tcp_echo"), &["echo"])
        .env("RUNNER_SERVER_ECHO__MAX_CONNECTIONS", "1")
        .env("RUNNER_SERVER_ECHO__WORKERS", "1")
        .spawn()
        .ready();
    let address = program.address("echo");
    let answer = talk(address, "bye\n");
    assert!(answer.starts_with("hello 127.0.0.1:") && answer.ends_with("\nbye\n"), "{answer}");
    program.wait_for("connection 1 is closed, 0 are left");

    let mut stream = connect(address).expect("a connection");
    let mut greeting = [0; 6];
    stream.read_exact(&mut greeting).expect("a greeting");
    assert_eq!(talk(address, ""), "no room, come back later\n");
    stop(&mut program);
    let mut farewell = String::new();
    stream.read_to_string(&mut farewell).expect("a farewell");
    assert!(farewell.ends_with("closing\n"), "{farewell}");
}

#[test]
fn unix_socket_serves_at_both_addresses() {
    let mut program = Program::new(env!("CARGO_BIN_EXE_unix_socket"))
        .env("RUNNER_SERVER_LOCAL__BIND", "127.0.0.1:0,./unix_socket.sock")
        .spawn()
        .ready();
    let path = program.directory().join("unix_socket.sock");
    let mode = fs::metadata(&path).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let reply = get(program.address("local"), "/").expect("an answer");
    assert!(reply.text().starts_with("hello, 127.0.0.1:"), "{}", reply.text());

    let mut stream = UnixStream::connect(&path).expect("a connection");
    let request = "GET / HTTP/1.1\r\nHost: local\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("to send");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.ends_with("\r\n\r\nhello, neighbour\n"), "{answer}");
    stop(&mut program);
    assert!(!path.exists());
}

#[test]
fn arguments_answers_by_method_and_path() {
    let mut program = example(env!("CARGO_BIN_EXE_arguments"), &["api"]).spawn().ready();
    let address = program.address("api");
    let reply = get(address, "/who").expect("an answer");
    assert!(reply.text().starts_with("you are 127.0.0.1:"), "{}", reply.text());
    assert_eq!(get(address, "/").expect("an answer").status, 404);
    assert!(post_sum(address, "1\n2\n").ends_with("\r\n\r\n3\n"));
    assert!(post_sum(address, "one").starts_with("HTTP/1.1 500 "));
    program.wait_for("a request failed: invalid digit found in string");
    stop(&mut program);
}

fn post_sum(address: SocketAddr, body: &str) -> String {
    let mut stream = connect(address).expect("a connection");
    let length = body.len();
    write!(
        stream,
        "POST /sum HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .expect("to send");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn builder_needs_no_macro() {
    let executable = env!("CARGO_BIN_EXE_builder");
    let mut program = example(executable, &["hello", "echo"]).spawn().ready();
    program.wait_for("builder serves 2 servers");
    let reply = get(program.address("hello"), "/x").expect("an answer");
    assert_eq!(reply.text(), "/x from worker 0\n");
    assert_eq!(talk(program.address("echo"), "hi"), "hi");
    stop(&mut program);
    program.wait_for("worker 0 of echo ends");
}

#[test]
fn configured_reads_every_layer() {
    let executable = env!("CARGO_BIN_EXE_configured");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/configured.toml");
    let arguments = ["--config", file, "--server.api.drain_timeout=5s"];
    let mut program = example(executable, &["api"]).args(&arguments).spawn().ready();
    let workers = program.wait_for_workers(4, 1);
    assert_eq!(workers.len(), 4);
    let shown = program.verb(&["config", "show", "--config", file]);
    let shown = shown.text();
    for setting in
        ["term = \"now\"", "workers = 4", "keep_alive = \"15s\"", "drain_timeout = \"10s\""]
    {
        assert!(shown.contains(setting), "no `{setting}` in:\n{shown}");
    }

    let reload = program.verb(&["reload"]);
    assert_eq!(reload.code, Some(0), "{}", reload.text());
    let reply = get(program.address("api"), "/").expect("an answer");
    assert_eq!(reply.text(), "generation 2\n");
    let stop = program.verb(&["stop"]);
    assert_eq!(stop.code, Some(0), "{}", stop.text());
    assert!(program.wait().success());
}

#[test]
fn limits_hold_for_workers() {
    let executable = env!("CARGO_BIN_EXE_limits");
    // The lowest priorities, which are possible whatever the test itself runs with.
    let lowest = |start: Start| {
        start.env("RUNNER_SERVER_API__NICE", "19").env("RUNNER_SERVER_API__OOM_SCORE_ADJ", "1000")
    };
    let mut program = lowest(example(executable, &["api"])).spawn().ready();
    let limits = get(program.address("api"), "/").expect("an answer").text();
    let of_files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    assert!(of_files.expect("a limit").contains(" 4096 "), "{limits}");
    stop(&mut program);

    if !nix::unistd::Uid::effective().is_root() {
        println!("skipped: the rest takes root");
        return;
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/limits.root.toml");
    let start = lowest(example(executable, &["api"])).args(&["--config", file]);
    let mut program = start.spawn().ready();
    for worker in program.workers() {
        let status = proc_status(worker.pid);
        assert_eq!(status["CapEff"], "0000000000000400", "{worker:?}");
        assert_ne!(status["Uid"], proc_status(program.pid())["Uid"], "{worker:?}");
    }
    stop(&mut program);
}
