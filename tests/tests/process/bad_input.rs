//! What is wrong with the input is said before anything is started, all of it, with its origin.

use crate::with_pid_file;
use runner_tests::{Ended, Start};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

/// One mistake: how it is made, what is said of it, and the exit code.
type Case<'a> = (&'a str, fn(Start) -> Start, &'a [&'a str], i32);

const CASES: [Case<'_>; 17] = [
    (
        "unknown user",
        |start| start.env("RUNNER_SERVER_WEB__USER", "nosuchuser"),
        &["server.web.user: there is no user `nosuchuser`", "RUNNER_SERVER_WEB__USER"],
        1,
    ),
    (
        "unknown group",
        |start| start.args(&["--server.web.group=nosuchgroup"]),
        &["server.web.group: there is no group `nosuchgroup`", "--server.web.group"],
        1,
    ),
    (
        "an address of another machine",
        |start| start.env("RUNNER_SERVER_ECHO__BIND", "203.0.113.1:0"),
        &["server.echo.bind", "203.0.113.1:0", "no such address", "RUNNER_SERVER_ECHO__BIND"],
        1,
    ),
    (
        "pid file in no directory",
        |start| start.env("RUNNER_MASTER__PID_FILE", "nowhere/app.pid"),
        &["master.pid_file", "nowhere/app.pid", "No such file", "RUNNER_MASTER__PID_FILE"],
        1,
    ),
    (
        "log in no directory",
        |start| start.env("RUNNER_SERVER_WEB__STDERR", "nowhere/web.log"),
        &["server.web.stderr", "nowhere/web.log", "No such file", "RUNNER_SERVER_WEB__STDERR"],
        1,
    ),
    (
        "input that is not there",
        |start| start.env("RUNNER_MASTER__STDIN", "nowhere"),
        &["master.stdin", "nowhere", "No such file", "RUNNER_MASTER__STDIN"],
        1,
    ),
    (
        "working directory that is not there",
        |start| start.env("RUNNER_MASTER__WORKING_DIRECTORY", "nowhere"),
        &[
            "master.working_directory",
            "nowhere",
            "No such file",
            "RUNNER_MASTER__WORKING_DIRECTORY",
        ],
        1,
    ),
    (
        "malformed toml",
        |start| {
            start.file("other.toml", "[master\npid_file = 1\n").args(&["--config", "other.toml"])
        },
        &["other.toml:1:"],
        2,
    ),
    (
        "no such configuration",
        |start| start.args(&["--config", "other.toml"]),
        &["other.toml", "No such file"],
        2,
    ),
    (
        "unknown key",
        |start| start.file("runner.toml", "[server.web]\nworker = 4\n"),
        &["worker", "runner.toml", "workers"],
        2,
    ),
    (
        "unknown server",
        |start| start.file("runner.toml", "[server.wep]\nworkers = 4\n"),
        &["wep", "runner.toml", "`web`"],
        2,
    ),
    (
        "wrong type in the environment",
        |start| start.env("RUNNER_SERVER_WEB__WORKERS", "many"),
        &["many", "RUNNER_SERVER_WEB__WORKERS"],
        2,
    ),
    (
        "wrong type in the file",
        |start| start.file("runner.toml", "[server.web]\nworkers = true\n"),
        &["workers", "runner.toml"],
        2,
    ),
    (
        "negative workers",
        |start| start.args(&["--server.web.workers=-1"]),
        &["workers", "-1", "--server.web.workers"],
        2,
    ),
    (
        "too many workers",
        |start| start.args(&["--server.web.workers=5000"]),
        &["workers", "5000", "1024"],
        2,
    ),
    ("unknown verb", |start| start.args(&["strat"]), &["strat", "start"], 2),
    (
        "unknown flag",
        |start| start.args(&["--master.pidfile=app.pid"]),
        &["pidfile", "pid_file"],
        2,
    ),
];

/// Each mistake gives one clear error with the option, the problem and the origin; nothing is
/// started and nothing is left (B5, B8, B26).
#[test]
fn each_mistake_gives_one_error_with_its_origin() {
    for (mistake, make, parts, code) in CASES {
        let ended = make(with_pid_file()).run();
        check(mistake, &ended, parts, code);
    }
}

/// Another program on the port is found even if it shares it (B10).
#[test]
fn a_busy_port_is_an_error_before_the_fork() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = other.local_addr().unwrap().to_string();
    let ended = with_pid_file().env("RUNNER_SERVER_WEB__BIND", &busy).run();
    let parts = ["server.web.bind", &busy, "listens there already", "RUNNER_SERVER_WEB__BIND"];
    check("busy port", &ended, &parts, 1);
}

/// All mistakes are told in one run: of the configuration, and then of what it names.
#[test]
fn all_mistakes_are_told_at_once() {
    let ended = with_pid_file()
        .env("RUNNER_SERVER_WEB__WORKERS", "many")
        .env("RUNNER_SERVER_ECHO__BIND", "somewhere")
        .env("RUNNER_MASTER__TERM", "later")
        .args(&["--server.web.bakclog=1"])
        .run();
    assert_eq!(ended.code, Some(2));
    for part in ["many", "somewhere", "later", "bakclog"] {
        assert!(ended.says(part), "no {part}: {}", ended.text());
    }

    let ended = with_pid_file()
        .env("RUNNER_SERVER_WEB__USER", "nosuchuser")
        .env("RUNNER_SERVER_WEB__GROUP", "nosuchgroup")
        .env("RUNNER_SERVER_WEB__BIND", "203.0.113.1:0,203.0.113.2:0")
        .env("RUNNER_SERVER_ECHO__STDOUT", "nowhere/echo.log")
        .env("RUNNER_MASTER__STDIN", "nowhere")
        .run();
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.lines.len(), 6, "{}", ended.text());
    for part in
        ["nosuchuser", "nosuchgroup", "203.0.113.1:0", "203.0.113.2:0", "echo.log", "master.stdin"]
    {
        assert!(ended.says(part), "no {part}: {}", ended.text());
    }
    assert!(!ended.directory().join("app.pid").exists());
}

/// An environment of odd variables, which the title of the process has to move, ends nothing.
#[test]
fn an_odd_environment_is_no_hindrance() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let program = with_pid_file()
        .with(|command| {
            command.env("=C:", "odd").env("EMPTY", "");
            command.env(OsStr::from_bytes(b"NOT_UTF8_\xff"), OsStr::from_bytes(b"\xff\xfe"));
            command.env("LONG", "x".repeat(100_000));
        })
        .spawn()
        .ready();
    assert_eq!(program.stop(nix::sys::signal::Signal::SIGTERM).code, Some(0));
}

/// The file is refused when it cannot be read, not ignored.
#[test]
fn an_unreadable_configuration_is_not_ignored() {
    let start = with_pid_file();
    let file = start.directory().join("runner.toml");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
    let ended = start.run();
    assert_eq!(ended.code, Some(2), "{}", ended.text());
    assert!(ended.says("runner.toml"), "{}", ended.text());
}

fn check(mistake: &str, ended: &Ended, parts: &[&str], code: i32) {
    let text = ended.text();
    assert_eq!(ended.code, Some(code), "{mistake}: {text}");
    for part in parts {
        assert!(ended.says(part), "{mistake}: no `{part}` in: {text}");
    }
    for never in ["panicked", "listening on", "worker ready", "hook"] {
        assert!(!ended.says(never), "{mistake}: {text}");
    }
    let paragraphs = text.matches("error").count();
    assert!(code == 2 || ended.lines.len() == 1, "{mistake}: {text}");
    assert!(paragraphs <= 2, "{mistake}: {text}");
    let files = std::fs::read_dir(ended.directory()).unwrap().flatten();
    let left: Vec<_> = files
        .map(|file| file.file_name())
        .filter(|name| !name.to_string_lossy().ends_with(".toml"))
        .collect();
    assert!(left.is_empty(), "{mistake}: left behind {left:?}");
}
