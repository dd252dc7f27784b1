//! Every error that a layer can have.

use super::*;
use crate::spec::Workers;
use std::time::Duration;

#[test]
fn files_with_errors() {
    for (text, expected) in [
        (
            "[server.echo]\nworkers = 0",
            "server.echo.workers: expected at least 1, got 0 (from runner.toml:2:11)",
        ),
        (
            "[server.echo]\nworkers = -3",
            "server.echo.workers: expected at least 1, got -3 (from runner.toml:2:11)",
        ),
        (
            "[server.echo]\nworkers = 1025",
            "server.echo.workers: expected at most 1024, got 1025 (from runner.toml:2:11)",
        ),
        (
            "[server.echo]\nworkers = \"10\"",
            "server.echo.workers: expected a whole number, `auto` or a range such as \"4..=16\", got the string `10` (from runner.toml:2:11)",
        ),
        (
            "[server.echo]\nworkers = 1.5",
            "server.echo.workers: expected a whole number, `auto` or a range such as \"4..=16\", got a number with a fraction (from runner.toml:2:11)",
        ),
        (
            "[server.echo]\nthreads = 65",
            "server.echo.threads: expected at most 64, got 65 (from runner.toml:2:11)",
        ),
        (
            "[server.echo]\nthreads = 1979-05-27",
            "server.echo.threads: expected a whole number, got a date or time (from runner.toml:2:11)",
        ),
        (
            "[server.echo]\nbacklog = 99999999999999999999",
            "server.echo.backlog: expected at most 2147483647, got 99999999999999999999 (from runner.toml:2:11)",
        ),
        (
            "[server.echo]\nuser = 1000",
            "server.echo.user: expected a string, got 1000 (from runner.toml:2:8)",
        ),
        (
            "[server.echo]\nuser = \"\"",
            "server.echo.user: expected some text, got none (from runner.toml:2:8)",
        ),
        (
            "[server.echo]\nuser = \"a\\nb\"",
            "server.echo.user: expected text on one line without control characters, got `a\\nb` (from runner.toml:2:8)",
        ),
        (
            "[server.echo]\nstdout = true",
            "server.echo.stdout: expected a path as a string, got true (from runner.toml:2:10)",
        ),
        (
            "[server.echo]\nstdout = \"\"",
            "server.echo.stdout: expected a path, got an empty string (from runner.toml:2:10)",
        ),
        (
            "[server.echo]\nstdout = \"a\\u0000\"",
            "server.echo.stdout: a path has no NUL, got `a\\u{0}` (from runner.toml:2:10)",
        ),
        (
            "[server.echo]\ndrain_timeout = 30",
            "server.echo.drain_timeout: expected a duration with its unit (ms, s, m, h) such as \"30s\", got 30 (from runner.toml:2:17)",
        ),
        (
            "[server.echo]\ndrain_timeout = \"0s\"",
            "server.echo.drain_timeout: expected at least 1ms, got 0ns (from runner.toml:2:17)",
        ),
        (
            "[server.echo]\ndrain_timeout = \"25h\"",
            "server.echo.drain_timeout: expected at most 24h, got 25h (from runner.toml:2:17)",
        ),
        (
            "[server.echo]\nreceive_buffer = 100",
            "server.echo.receive_buffer: expected at least 1KiB, got 100B (from runner.toml:2:18)",
        ),
        (
            "[server.echo]\nreceive_buffer = \"65MiB\"",
            "server.echo.receive_buffer: expected at most 64MiB, got 65MiB (from runner.toml:2:18)",
        ),
        (
            "[server.echo]\nreceive_buffer = \"1 parsec\"",
            "server.echo.receive_buffer: expected a size such as \"64KiB\" or a number of bytes, got the string `1 parsec` (from runner.toml:2:18)",
        ),
        (
            "[server.echo]\naccept = \"slot\"",
            "server.echo.accept: unknown value `slot`; did you mean `slots`? (from runner.toml:2:10)",
        ),
        (
            "[server.echo]\nbind = []",
            "server.echo.bind: expected an address such as \"127.0.0.1:8080\" or a list of them, got an empty list (from runner.toml:2:8)",
        ),
        (
            "[server.echo]\nbind = [1]",
            "server.echo.bind: expected a list of strings, got 1 (from runner.toml:2:8)",
        ),
        (
            "[server.echo]\nbind = 9502",
            "server.echo.bind: expected an address such as \"127.0.0.1:8080\" or a list of them, got 9502 (from runner.toml:2:8)",
        ),
        (
            "[server.echo]\nkeep_alive = \"60s\"",
            "server.echo.keep_alive: applies to http servers only (from runner.toml:2:14)",
        ),
        (
            "[server.http_server]\nreceive_buffer = 4096",
            "server.http_server.receive_buffer: applies to tcp servers only (from runner.toml:2:18)",
        ),
        (
            "[server.echo]\nframe = \"lines\"",
            "server.echo.frame: `frame` has no effect yet; remove it (from runner.toml:2:9)",
        ),
        (
            "[server.echo]\nname = \"x\"",
            "server.echo.name: the name of a server can only be set where it is declared, because its section is called after it (from runner.toml:2:8)",
        ),
        (
            "[server.echo]\nwrkers = 5",
            "server.echo.wrkers: unknown option; did you mean `workers`? (from runner.toml:2:10)",
        ),
        (
            "[server.ehco]\nworkers = 5",
            "server.ehco: unknown server; did you mean `echo`? (from runner.toml:1:9)",
        ),
        (
            "[server.something]\nworkers = 5",
            "server.something: unknown server; expected one of `echo`, `http_server` (from runner.toml:1:9)",
        ),
        (
            "[server]\nworkers = 5",
            "server.workers: unknown server; expected one of `echo`, `http_server` (from runner.toml:2:1)",
        ),
        (
            "server = 5",
            "server: expected a table for each server: write `[server.NAME]`, got 5 (from runner.toml:1:10)",
        ),
        (
            "server.echo = 5",
            "server.echo: expected a table: write `[server.echo]`, got 5 (from runner.toml:1:15)",
        ),
        (
            "[[master]]",
            "master: expected a table: write `[master]`, got a list (from runner.toml:1:1)",
        ),
        ("[servers.echo]", "servers: unknown table; did you mean `server`? (from runner.toml:1:2)"),
        (
            "\"a\\nb\" = 5",
            "a\\nb: unknown table; expected one of `master`, `server` (from runner.toml:1:1)",
        ),
        (
            "[master]\numask = 27",
            "master.umask: expected an octal number such as \"027\", got 27 (from runner.toml:2:9)",
        ),
        (
            "[master]\numask = \"1000\"",
            "master.umask: expected at most 777, got 1000 (from runner.toml:2:9)",
        ),
        (
            "[master]\numask = \"028\"",
            "master.umask: expected an octal number such as \"027\", got the string `028` (from runner.toml:2:9)",
        ),
        (
            "[master]\ndaemonize = \"true\"",
            "master.daemonize: expected `true` or `false`, got the string `true` (from runner.toml:2:13)",
        ),
        (
            "[master]\nterm = 15",
            "master.term: expected \"now\" or \"graceful\", got 15 (from runner.toml:2:8)",
        ),
        (
            "[master]\nspawn = \"thread\"",
            "master.spawn: unknown value `thread`; expected one of `fork`, `exec` (from runner.toml:2:9)",
        ),
        (
            "[master]\nrlimits.nofile = 5",
            "master.rlimits.nofile: unknown option; expected one of `name`, `pid_file`, `daemonize`, `working_directory`, `umask`, `stdin`, `stdout`, `stderr`, `term`, `spawn`, `control` (from runner.toml:2:18)",
        ),
        (
            "[master]\nworkers = 2",
            "master.workers: unknown option; expected one of `name`, `pid_file`, `daemonize`, `working_directory`, `umask`, `stdin`, `stdout`, `stderr`, `term`, `spawn`, `control` (from runner.toml:2:11)",
        ),
    ] {
        assert_eq!(two_servers().file(text).errors(), expected, "{text}");
    }
}

#[test]
fn addresses_with_errors() {
    for (text, expected) in [
        (
            "[server.echo]\nbind = [\"127.0.0.1:1\", \"127.0.0.1:1\"]",
            "server.echo.bind: `127.0.0.1:1` stands in the list twice (from runner.toml:2:8)",
        ),
        (
            "[server.echo]\nbind = \"127.0.0.1:9501\"",
            "server.http_server.bind: `127.0.0.1:9501` is bound by `server.echo` too, from runner.toml:2:8 (declared at PLACE)",
        ),
        (
            "[server.echo]\nbind = \"0.0.0.0:9501\"",
            "server.http_server.bind: `127.0.0.1:9501` cannot be had beside `0.0.0.0:9501` of `server.echo`, from runner.toml:2:8 (declared at PLACE)",
        ),
        (
            "[server.echo]\nbind = [\"0.0.0.0:1\", \"127.0.0.1:1\"]",
            "server.echo.bind: `127.0.0.1:1` and `0.0.0.0:1` cannot both be had; leave one of them out (from runner.toml:2:8)",
        ),
        (
            "[server.echo]\nbind = [\"fd:3\", \"@a\"]\n[server.http_server]\nbind = [\"@a\", \"fd:3\"]",
            "server.http_server.bind: `@a` is bound by `server.echo` too, from runner.toml:2:8 (from runner.toml:4:8)\n\
             server.http_server.bind: `fd:3` is bound by `server.echo` too, from runner.toml:2:8 (from runner.toml:4:8)",
        ),
        (
            "[server.echo]\nv6only = false",
            "server.echo.v6only: has no effect without an IPv6 address, and `bind` has none, declared at PLACE (from runner.toml:2:10)",
        ),
        (
            "[server.echo]\nowner = \"root\"",
            "server.echo.owner: has no effect without a unix socket, and `bind` has none, declared at PLACE (from runner.toml:2:9)",
        ),
        (
            "[server.echo]\nmode = \"1000\"",
            "server.echo.mode: expected at most 777, got 1000 (from runner.toml:2:8)",
        ),
    ] {
        assert_eq!(two_servers().file(text).errors(), expected, "{text}");
    }
}

#[test]
fn malformed_files_are_one_error() {
    for (text, place) in [
        ("[master]\numask = ", "runner.toml:2:9: "),
        ("[master\n\n[server.echo]\nworkers = 0", "runner.toml:1:8: "),
        ("# ä\n[master]\nä = 1", "runner.toml:3:1: "),
        ("[master]\numask = 1\numask = 2", "runner.toml:3:1: "),
    ] {
        let errors = two_servers().file(text).errors();
        assert!(errors.starts_with(place) && errors.lines().count() == 1, "{errors}");
    }
    let mut setup = two_servers();
    setup.file = Some(b"\xff".to_vec());
    let expected = "runner.toml: cannot read the configuration: stream did not contain valid UTF-8";
    assert_eq!(setup.errors(), expected);
}

#[test]
fn variables_with_errors() {
    let form = "not the name of an option; write `RUNNER_MASTER__OPTION` or `RUNNER_SERVER_NAME__OPTION`, in upper case";
    for (variable, expected) in [
        ("RUNNER_SERVER_ECHO__WORKERS=0", "server.echo.workers: expected at least 1, got 0 (from RUNNER_SERVER_ECHO__WORKERS)".to_owned()),
        ("RUNNER_SERVER_ECHO__WORKERS=ten", "server.echo.workers: expected a whole number, `auto` or a range such as \"4..=16\", got `ten` (from RUNNER_SERVER_ECHO__WORKERS)".to_owned()),
        ("RUNNER_SERVER_ECHO__BIND=", "server.echo.bind: `` is not an address; write `IP:PORT`, such as `127.0.0.1:8080` (from RUNNER_SERVER_ECHO__BIND)".to_owned()),
        ("RUNNER_SERVER_ECHO__WRKERS=2", "server.echo.wrkers: unknown option; did you mean `workers`? (from RUNNER_SERVER_ECHO__WRKERS)".to_owned()),
        ("RUNNER_SERVER_EHCO__WORKERS=2", "server.ehco: unknown server; did you mean `echo`? (from RUNNER_SERVER_EHCO__WORKERS)".to_owned()),
        ("RUNNER_MASTER__DAEMONIZE=yes", "master.daemonize: expected `true` or `false`, got `yes` (from RUNNER_MASTER__DAEMONIZE)".to_owned()),
        ("RUNNER_SERVER_WORKERS=2", format!("RUNNER_SERVER_WORKERS: {form}")),
        ("RUNNER_SERVER__WORKERS=2", format!("RUNNER_SERVER__WORKERS: {form}")),
        ("RUNNER_MASTER_UMASK=2", format!("RUNNER_MASTER_UMASK: {form}")),
        ("RUNNER_SEVER_ECHO__WORKERS=2", format!("RUNNER_SEVER_ECHO__WORKERS: {form}")),
        ("RUNNER_SERVER_echo__workers=2", format!("RUNNER_SERVER_echo__workers: {form}")),
    ] {
        assert_eq!(two_servers().environment(variable).errors(), expected, "{variable}");
    }
}

#[test]
fn command_lines_with_errors() {
    let form =
        "not the name of an option; write `--master.OPTION=VALUE` or `--server.NAME.OPTION=VALUE`";
    for (option, expected) in [
        ("--server.echo.workers=0", "server.echo.workers: expected at least 1, got 0 (from --server.echo.workers)".to_owned()),
        ("--server.echo.wrkers=2", "server.echo.wrkers: unknown option; did you mean `workers`? (from --server.echo.wrkers)".to_owned()),
        ("--server.ehco.workers=2", "server.ehco: unknown server; did you mean `echo`? (from --server.ehco.workers)".to_owned()),
        ("--server.echo=2", format!("--server.echo: {form}")),
        ("--server=2", format!("--server: {form}")),
        ("--master.=2", "master.: unknown option; expected one of `name`, `pid_file`, `daemonize`, `working_directory`, `umask`, `stdin`, `stdout`, `stderr`, `term`, `spawn`, `control` (from --master.)".to_owned()),
    ] {
        assert_eq!(two_servers().command_line(option).errors(), expected, "{option}");
    }
}

#[test]
fn text_that_is_not_unicode_is_an_error() {
    use std::os::unix::ffi::OsStringExt as _;
    let context = Context { directory: "/".into(), program: "demo".to_owned(), cores: 1 };
    let bytes = OsString::from_vec(vec![0xff]);
    let mut name = b"RUNNER_MASTER__".to_vec();
    name.push(0xff);
    let sources = Sources {
        file: None,
        text: None,
        environment: vec![
            ("RUNNER_MASTER__UMASK".into(), bytes.clone()),
            (OsString::from_vec(name), "1".into()),
        ],
        overrides: vec![Override { name: "--master.umask".to_owned(), value: bytes }],
        context,
        again: false,
    };
    let declared =
        Declared { master: &MasterOptions::default(), place: place(), servers: Vec::new() };
    let errors = load(&declared, &sources).expect_err("errors").to_string();
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!(lines[0], "RUNNER_MASTER__UMASK: the value is not UTF-8");
    assert_eq!(lines[1], "--master.umask: the value is not UTF-8");
    assert!(lines[2].starts_with("master.\u{fffd}: unknown option"), "{errors}");
    assert_eq!(lines.len(), 3);
}

#[test]
fn declarations_with_errors() {
    let check = |expected: &str, change: fn(&mut Setup)| {
        let mut setup = two_servers();
        change(&mut setup);
        assert_eq!(setup.errors(), expected);
    };
    check(
        "server.echo.bind: no address is given; write `bind = \"127.0.0.1:8080\"` (declared at PLACE)",
        |setup| setup.servers[0].2.bind = None,
    );
    check(
        "server.echo.bind: `localhost:1` is a name, not an IP address; write `127.0.0.1:1` or `[::1]:1`; \
         `8o80` is not an address; write `IP:PORT`, such as `127.0.0.1:8080` (declared at PLACE)",
        |setup| setup.servers[0].2.bind = Some(Addresses::from(["localhost:1", "8o80"])),
    );
    check("server.echo.workers: expected at least 1, got 0 (declared at PLACE)", |setup| {
        setup.servers[0].2.workers = Some(Workers::Fixed(0));
    });
    check(
        "server.echo.max_connections: expected at least 1, got 0; leave the option out for no limit (declared at PLACE)",
        |setup| {
            setup.servers[0].2.max_connections = Some(0);
        },
    );
    check(
        "server.echo.start_timeout: expected at least 1ms, got 999µs (declared at PLACE)",
        |setup| setup.servers[0].2.start_timeout = Some(Duration::from_micros(999)),
    );
    check(
        "server.echo.header_timeout: applies to http servers only (declared at PLACE)",
        |setup| setup.servers[0].2.header_timeout = Some(Duration::from_secs(1)),
    );
    check(
        "server.http_server: two servers have this name, the other is declared at PLACE; give one of them another `name` \
         (declared at PLACE)",
        |setup| setup.servers[0].1 = "http-server".to_owned(),
    );
    check(
        "server.name: `日本` has no ASCII letter or digit, which the name of its configuration section needs (declared at PLACE)",
        |setup| setup.servers[0].1 = "日本".to_owned(),
    );
    check(
        "server.name: expected text on one line without control characters, got `a\\nb` (declared at PLACE)",
        |setup| setup.servers[0].1 = "a\nb".to_owned(),
    );
    check(
        "server.http_server.bind: `127.0.0.1:9502` is bound by `server.echo` too, declared at PLACE (declared at PLACE)",
        |setup| setup.servers[1].2.bind = setup.servers[0].2.bind.clone(),
    );
    check("master.umask: expected at most 777, got 1000 (declared at PLACE)", |setup| {
        setup.master.umask = Some(0o1000);
    });
}

#[test]
fn all_errors_are_reported_at_once() {
    let mut setup = two_servers()
        .file("[server.echo]\nworkers = 0\n[server.nobody]\n[master]\nterm = \"later\"")
        .environment("RUNNER_SERVER_ECHO__WORKERS=many")
        .environment("RUNNER_SERVER_HTTP_SERVER__TLS=on")
        .command_line("--server.echo.workers=2000");
    setup.servers[0].2.bind = None;
    insta::assert_snapshot!(setup.errors());
}
