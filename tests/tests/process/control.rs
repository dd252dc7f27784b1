//! The control socket: what it tells, whom it serves, and what it puts up with.

use crate::{FIXTURE, WORKERS, fixture, replace, settle, with_pid_file};
use nix::sys::signal::Signal;
use nix::unistd::{Uid, User};
use runner_tests::{Program, connect, descriptors, eventually, get, sockets};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::time::Duration;

/// `status` tells of every server and worker what is so, as a table and in JSON.
#[test]
fn status_tells_what_is() {
    let program = with_pid_file().spawn().ready();
    assert_eq!(program.verb(&["reload"]).code, Some(0));
    settle(&program, 2);
    replace(&program, &program.workers_of("echo")[0], Signal::SIGKILL);
    let status = json(&program, "status");
    assert_eq!(status["program"], "fixture");
    assert_eq!(status["pid"], program.pid());
    assert_eq!(status["generation"], 2);
    for (server, kind, target) in [("web", "http", 2), ("echo", "tcp", 1)] {
        let servers = status["servers"].as_array().unwrap();
        let told = servers.iter().find(|told| told["name"] == server).unwrap();
        assert_eq!((&told["kind"], &told["target"]), (&kind.into(), &target.into()));
        assert_eq!(told["addresses"][0], program.address(server).to_string());
        assert_eq!((&told["degraded"], &told["failures"]), (&false.into(), &(2 - target).into()));
        let workers = told["workers"].as_array().unwrap();
        let real = program.workers_of(server);
        assert_eq!(workers.len(), real.len(), "{told}");
        for (slot, worker) in (0..).zip(workers) {
            let real = real.iter().find(|real| worker["pid"] == real.pid).unwrap();
            assert_eq!(real.title, format!("{server} {slot}/2"));
            assert_eq!((&worker["slot"], &worker["generation"]), (&slot.into(), &2.into()));
            assert_eq!(worker["state"], "ready");
            assert!(worker["age_ms"].as_u64().unwrap() <= status["uptime_ms"].as_u64().unwrap());
            assert!(worker["memory_bytes"].as_u64().unwrap() > 4096, "{worker}");
        }
    }
    let table = program.verb(&["status"]);
    for worker in program.workers() {
        let pid = worker.pid.to_string();
        let line = table.lines.iter().find(|line| line.contains(&pid)).expect("a line");
        assert!(line.starts_with(worker.server()) && line.ends_with("  ready"), "{line}");
    }
}

/// A slot that waits for its next worker is told of, with the time until then.
#[test]
fn status_tells_who_is_missing() {
    let program = with_pid_file().spawn().ready();
    fs::write(program.directory().join("fixture_worker"), "abort").unwrap();
    program.workers_of("web")[0].signal(Signal::SIGKILL);
    program.wait_for_nth("waiting before the next try", 4);
    let missing = eventually("a slot waits", || {
        let status = json(&program, "status");
        let workers = status["servers"][0]["workers"].as_array().unwrap().clone();
        workers.into_iter().find(|worker| worker["pid"].is_null())
    });
    assert_eq!(missing["state"], "back-off", "{missing}");
    assert!(missing["retry_ms"].as_u64().unwrap() < 31_000, "{missing}");
}

/// `why` tells how workers have ended: by whose signal, with which code, for which reason.
#[test]
fn why_tells_how_workers_end() {
    let program = with_pid_file().spawn().ready();
    assert!(program.verb(&["why"]).says("no worker has ended yet"));
    let killed = program.workers_of("echo")[0].clone();
    replace(&program, &killed, Signal::SIGKILL);
    let web = program.address("web");
    for (path, count) in [("/exit", 2), ("/overflow", 3)] {
        let _ = get(web, path);
        program.wait_for_nth("hook worker_exit", count);
        settle(&program, 1);
    }
    fs::write(program.directory().join("fixture_worker"), "error 2").unwrap();
    assert_eq!(program.verb(&["reload"]).code, Some(1));
    program.wait_for("ended: cannot start: no database");
    let why = json(&program, "why");
    // Others were stopped or replaced because of the reload.
    let mut exits = why["exits"].as_array().unwrap().clone();
    exits.retain(|exit| exit["cause"] != "asked");
    let cases = [
        ("echo", 1, "crashed", Value::Null, "SIGKILL".into(), Value::Null),
        ("web", 1, "crashed", 3.into(), Value::Null, Value::Null),
        ("web", 1, "crashed", Value::Null, "SIGABRT".into(), Value::Null),
        ("web", 2, "cannot-start", 1.into(), Value::Null, "no database".into()),
    ];
    assert_eq!(cases.len(), exits.len(), "{why}");
    for (exit, (server, generation, cause, code, signal, reason)) in exits.iter().zip(cases) {
        assert_eq!(exit["server"], server, "{exit}");
        assert_eq!(exit["generation"], generation, "{exit}");
        assert_eq!(exit["cause"], cause, "{exit}");
        assert_eq!(exit["exit_code"], code, "{exit}");
        assert_eq!(exit["signal"], signal, "{exit}");
        assert_eq!(exit["reason"], reason, "{exit}");
        assert!(exit["age_ms"].as_u64().unwrap() < 60_000, "{exit}");
        assert!(exit["unix_time"].as_u64().unwrap() > 1_700_000_000, "{exit}");
    }
    assert_eq!(exits[0]["pid"], killed.pid);
    let table = program.verb(&["why"]);
    assert!(table.says("SIGKILL") && table.says("no database"), "{}", table.text());
}

/// `--watch` tells again and again, until the program ends or nobody reads any more.
#[test]
fn watch_goes_on() {
    let program = with_pid_file().spawn().ready();
    let pid = program.pid().to_string();
    let watch = |json: &str| fixture().beside(&program).args(&["status", "--watch", json]).spawn();
    let watching = watch("--json");
    watching.wait_for_nth(&pid, 2);
    let line = watching.output()[0].clone();
    assert!(serde_json::from_str::<Value>(&line).is_ok(), "{line}");
    let unread = "\"$0\" status --watch | head -n 1";
    let ended = Program::new("sh").beside(&program).args(&["-c", unread, FIXTURE]).run();
    assert_eq!((ended.code, ended.lines.len()), (Some(0), 1), "{}", ended.text());
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
    let ended = watching.finish();
    assert_eq!(ended.code, Some(1));
    assert!(ended.says("not running") || ended.says("has stopped"), "{}", ended.text());
}

/// Only the user of the master and root are served, whatever the mode of the file is.
#[test]
fn strangers_are_not_served() {
    let nobody = User::from_name("nobody").ok().flatten();
    let Some(nobody) = nobody.filter(|_| Uid::effective().is_root()) else {
        println!("skipped: this takes root and a user `nobody`");
        return;
    };
    let program = with_pid_file().spawn().ready();
    fs::set_permissions(program.directory(), Permissions::from_mode(0o755)).unwrap();
    let mode = fs::metadata(socket_of(&program)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // The build directory may be out of the reach of others.
    let copy = program.directory().join("copy_of_fixture");
    fs::copy(FIXTURE, &copy).unwrap();
    let ask = || {
        let start = Program::new(&copy).beside(&program).args(&["status"]);
        let as_nobody = start.with(|command| {
            command.uid(nobody.uid.as_raw());
        });
        as_nobody.run()
    };
    let ended = ask();
    assert_eq!(ended.code, Some(1), "{}", ended.text());
    assert!(ended.says("Permission denied"), "{}", ended.text());
    fs::set_permissions(socket_of(&program), Permissions::from_mode(0o666)).unwrap();
    let ended = ask();
    assert_eq!(ended.code, Some(1), "{}", ended.text());
    assert!(ended.says("only the user of the master and root"), "{}", ended.text());
}

/// Noise is answered with an error each time, and harms nobody.
#[test]
fn noise_is_answered() {
    let program = with_pid_file().spawn().ready();
    let before = descriptors(program.pid()).len();
    let long = vec![b'x'; 100_000];
    let deep = "[".repeat(60_000);
    for _ in 0..20 {
        for (noise, expected) in [
            (&b"\n"[..], "this is no request"),
            (b"\xff\xfe\0\n", "this is no request"),
            (b"GET / HTTP/1.1\r\n\r\n", "this is no request"),
            (deep.as_bytes(), "this is no request"),
            (
                b"{\"version\":1,\"command\":\"status\",\"color\":\"red\"}\n",
                "unknown field `color`",
            ),
            (b"{\"version\":7,\"command\":\"status\"}\n", "`version` is 7, expected 1"),
            (b"{\"version\":1,\"command\":\"statsu\"}\n", "did you mean `status`?"),
            (&long, "more than 65536 bytes"),
        ] {
            let answer = ask(&program, noise);
            let error = answer["error"].as_str().expect("an error");
            assert!(error.contains(expected), "{error}");
        }
    }
    let again = eventually("nobody is connected any more", || {
        let now = descriptors(program.pid()).len();
        (now <= before).then_some(now)
    });
    assert_eq!(again, before);
    assert_eq!(program.verb(&["status"]).code, Some(0));
}

/// There is room for sixteen, the others are told, and the master goes on with its work meanwhile.
#[test]
fn silent_clients_hinder_nobody() {
    let program = with_pid_file().spawn().ready();
    let mut clients: Vec<_> = (0..20).map(|_| dial(&program)).collect();
    for late in clients.split_off(16) {
        let answer = read_answer(late);
        assert_eq!(answer["error"], "too many control connections; try again later");
    }
    replace(&program, &program.workers_of("web")[0], Signal::SIGKILL);
    let refused = program.verb(&["status"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.says("too many control connections"), "{}", refused.text());
    clients.pop();
    eventually("there is room again", || (program.verb(&["status"]).code == Some(0)).then_some(()));
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// Whoever does not read his answer, or goes away before there is one, is forgotten.
#[test]
fn clients_may_go_away() {
    let program = with_pid_file().spawn().ready();
    let before = descriptors(program.pid()).len();
    fs::write(program.directory().join("fixture_worker"), "sleep 2").unwrap();
    let reload = b"{\"version\":1,\"command\":\"reload\"}\n";
    for count in 1..=40 {
        let mut client = dial(&program);
        client.write_all(reload).unwrap();
        program.wait_for_nth("request=Reload", count);
    }
    fs::remove_file(program.directory().join("fixture_worker")).unwrap();
    program.signal(Signal::SIGUSR1);
    settle(&program, 42);
    let connected = || descriptors(program.pid()).len();
    eventually("they are forgotten", || (connected() == before).then_some(()));
}

/// A worker holds nothing of the control socket.
#[test]
fn workers_do_not_hold_the_control_socket() {
    let program = with_pid_file().spawn().ready();
    let _client = dial(&program);
    assert_eq!(program.verb(&["status"]).code, Some(0));
    replace(&program, &program.workers_of("web")[0], Signal::SIGKILL);
    // The kernel lists the sockets that listen at a path: ..., inode, path (proc_net_unix is the
    // table of unix(7)).
    let table = fs::read_to_string(format!("/proc/{}/net/unix", program.pid())).unwrap();
    let path = socket_of(&program).display().to_string();
    let ours: BTreeSet<u64> = table
        .lines()
        .filter(|line| line.ends_with(&path))
        .filter_map(|line| line.split_whitespace().nth(6)?.parse().ok())
        .collect();
    let held = sockets(program.pid()).intersection(&ours).count();
    assert_eq!(held, 2, "the listening socket and one connection: {table}");
    for worker in program.workers() {
        assert!(sockets(worker.pid).is_disjoint(&ours), "{worker:?}");
    }
}

/// The socket is there as long as the program, and a start that fails leaves none behind.
#[test]
fn the_socket_goes_with_the_program() {
    let program = with_pid_file().spawn().ready();
    let path = socket_of(&program);
    let taken = program.address("web").to_string();
    let failed = with_pid_file().env("RUNNER_SERVER_WEB__BIND", &taken).run();
    assert_eq!(failed.code, Some(1), "{}", failed.text());
    assert!(!failed.directory().join("app.pid.sock").exists());
    let failed = with_pid_file().env("FIXTURE_WORKER", "error").run();
    assert_eq!(failed.code, Some(1), "{}", failed.text());
    assert!(!failed.directory().join("app.pid.sock").exists());
    assert!(path.exists());
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
    assert!(!path.exists());
}

/// What a killed master has left behind is no hindrance to the next one (P34, P56).
#[test]
fn a_start_replaces_what_a_killed_master_left() {
    let program = with_pid_file().spawn().ready();
    let path = socket_of(&program);
    program.signal(Signal::SIGKILL);
    let next = with_pid_file().in_directory(program.directory());
    eventually("its workers go", || program.workers().is_empty().then_some(()));
    assert!(path.exists());
    let pid_file = program.directory().join("app.pid");
    let flag = format!("--master.pid_file={}", pid_file.display());
    let next = next.args(&[&flag]).spawn().ready();
    let status = next_status(&flag);
    assert_eq!(status["pid"], next.pid());
}

/// A program does not take the socket of another one, also when that is too busy to answer (P11,
/// M7), and never a file that is no socket.
#[test]
fn a_socket_has_one_owner() {
    let program = with_pid_file().spawn().ready();
    let inode = fs::metadata(socket_of(&program)).unwrap().ino();
    let mut clients = Vec::new();
    for stopped in [false, true] {
        if stopped {
            program.signal(Signal::SIGSTOP);
            // The queue of the listener, which nobody empties now.
            clients.extend((0..17).map(|_| dial(&program)));
        }
        let other = fixture()
            .beside(&program)
            .env("RUNNER_MASTER__CONTROL", "app.pid.sock")
            .args(&["--master.pid_file=app.other"])
            .run();
        assert_eq!(other.code, Some(1), "{}", other.text());
        assert!(other.says("another process listens there"), "{}", other.text());
        assert!(other.says("master.control"), "{}", other.text());
        assert_eq!(fs::metadata(socket_of(&program)).unwrap().ino(), inode);
        assert!(!program.directory().join("app.other").exists());
    }
    program.signal(Signal::SIGCONT);
    drop(clients);
    let letter = with_pid_file().file("app.pid.sock", "a letter").run();
    assert_eq!(letter.code, Some(1), "{}", letter.text());
    assert!(letter.says("it is there, and no socket"), "{}", letter.text());
    let content = fs::read_to_string(letter.directory().join("app.pid.sock")).unwrap();
    assert_eq!(content, "a letter");
}

/// A path that the kernel cannot take is refused before anything is started.
#[test]
fn a_socket_needs_a_short_path() {
    let start = fixture();
    let directory = start.directory().join("d".repeat(100));
    fs::create_dir(&directory).unwrap();
    let flag = format!("--master.pid_file={}/app.pid", directory.display());
    let ended = start.args(&[&flag]).run();
    assert_eq!(ended.code, Some(1), "{}", ended.text());
    assert!(ended.says("master.control: ") && ended.says("may have 107"), "{}", ended.text());
    assert!(ended.says("from --master.pid_file"), "{}", ended.text());
    assert!(!directory.join("app.pid").exists());
}

/// Without its files the program is still there, says so, and makes them again on HUP (P57).
#[test]
fn lost_files_come_back() {
    let program = with_pid_file().spawn().ready();
    fs::remove_file(socket_of(&program)).unwrap();
    let status = program.verb(&["status"]);
    assert_eq!(status.code, Some(1), "{}", status.text());
    let expected = format!("although the program runs with pid {}", program.pid());
    assert!(status.says(&expected) && status.says("app.pid.sock"), "{}", status.text());
    let pid_file = program.directory().join("app.pid");
    fs::remove_file(&pid_file).unwrap();
    program.signal(Signal::SIGHUP);
    program.wait_for("the control socket was gone; it is there again");
    assert_eq!(fs::read_to_string(pid_file).unwrap(), format!("{}\n", program.pid()));
    assert_eq!(json(&program, "status")["pid"], program.pid());
    assert_eq!(program.workers().len(), WORKERS);
    assert_eq!(program.verb(&["stop"]).code, Some(0));
    assert!(connect(program.address("web")).is_err());
    assert!(!socket_of(&program).exists());
}

/// What a verb with `--json` prints.
fn json(program: &Program, verb: &str) -> Value {
    let ended = program.verb(&[verb, "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.text());
    serde_json::from_str(&ended.text()).expect("a line of JSON")
}

fn next_status(flag: &str) -> Value {
    let ended = fixture().args(&["status", "--json", flag]).run();
    assert_eq!(ended.code, Some(0), "{}", ended.text());
    serde_json::from_str(&ended.text()).expect("a line of JSON")
}

fn socket_of(program: &Program) -> PathBuf {
    program.directory().join("app.pid.sock")
}

fn dial(program: &Program) -> UnixStream {
    let stream = UnixStream::connect(socket_of(program)).expect("a master that listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    stream
}

/// Sends a request, or anything else, and reads the answer.
fn ask(program: &Program, request: &[u8]) -> Value {
    let mut stream = dial(program);
    // The master may have heard enough before all is said.
    let _ = stream.write_all(request);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    read_answer(stream)
}

fn read_answer(stream: UnixStream) -> Value {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("an answer");
    serde_json::from_str(&line).expect("a line of JSON")
}
