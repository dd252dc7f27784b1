//! Errors of the options that say how workers are replaced and confined.

use super::*;
use crate::spec::{Capability, CpuAffinity, Limit, Workers};
use std::time::Duration;

/// Checks what is said of a line of `[server.echo]`: the option, and what is wrong with it.
fn check(cases: &[(&str, &str, &str)]) {
    for (line, option, message) in cases {
        let errors = two_servers().file(&format!("[server.echo]\n{line}")).errors();
        assert_eq!(errors, format!("server.echo.{option}: {message}"), "{line}");
    }
}

/// A zero is never another way to write that there is no limit (P48).
#[test]
fn errors_of_replacement() {
    check(&[
        (
            "workers = \"8..=2\"",
            "workers",
            "the range 8..=2 ends before it begins; write \"2..=8\" (from runner.toml:2:11)",
        ),
        ("workers = \"0..=8\"", "workers", "expected at least 1, got 0 (from runner.toml:2:11)"),
        (
            "workers = \"2..=2000\"",
            "workers",
            "expected at most 1024, got 2000 (from runner.toml:2:11)",
        ),
        (
            "heartbeat_timeout = 30",
            "heartbeat_timeout",
            "expected a duration with its unit (ms, s, m, h) such as \"30s\", got 30; \"off\" switches it off (from runner.toml:2:21)",
        ),
        (
            "heartbeat_timeout = \"0s\"",
            "heartbeat_timeout",
            "expected at least 1s, got 0ns; \"off\" switches it off (from runner.toml:2:21)",
        ),
        (
            "heartbeat_timeout = \"500ms\"",
            "heartbeat_timeout",
            "expected at least 1s, got 500ms; \"off\" switches it off (from runner.toml:2:21)",
        ),
        (
            "heartbeat_timeout = false",
            "heartbeat_timeout",
            "expected a duration with its unit (ms, s, m, h) such as \"30s\", got false; \"off\" switches it off (from runner.toml:2:21)",
        ),
        (
            "max_requests = 0",
            "max_requests",
            "expected at least 1, got 0; leave the option out for no limit (from runner.toml:2:16)",
        ),
        (
            "max_requests = -1",
            "max_requests",
            "expected at least 1, got -1 (from runner.toml:2:16)",
        ),
        (
            "max_lifetime = \"0s\"",
            "max_lifetime",
            "expected at least 1s, got 0ns; leave the option out for no limit (from runner.toml:2:16)",
        ),
        (
            "max_lifetime = \"8761h\"",
            "max_lifetime",
            "expected at most 8760h, got 8761h (from runner.toml:2:16)",
        ),
        (
            "max_memory = 0",
            "max_memory",
            "expected at least 1MiB, got 0B; leave the option out for no limit (from runner.toml:2:14)",
        ),
        (
            "max_memory = \"2048GiB\"",
            "max_memory",
            "expected at most 1024GiB, got 2048GiB (from runner.toml:2:14)",
        ),
        (
            "max_restarts = -1",
            "max_restarts",
            "expected at least 0, got -1 (from runner.toml:2:16)",
        ),
        (
            "restart_window = \"0s\"",
            "restart_window",
            "expected at least 1s, got 0ns (from runner.toml:2:18)",
        ),
        (
            "max_surge = \"101%\"",
            "max_surge",
            "expected at most 100%, got 101% (from runner.toml:2:13)",
        ),
        (
            "max_surge = 1025",
            "max_surge",
            "expected at most 1024, got 1025 (from runner.toml:2:13)",
        ),
        (
            "max_surge = \"2\"",
            "max_surge",
            "expected a whole number or a percentage such as \"25%\", got the string `2` (from runner.toml:2:13)",
        ),
        (
            "max_unavailable = 0.25",
            "max_unavailable",
            "expected a whole number or a percentage such as \"25%\", got a number with a fraction (from runner.toml:2:19)",
        ),
    ]);
}

#[test]
fn errors_of_confinement() {
    check(&[
        (
            "cpu_affinity = []",
            "cpu_affinity",
            "expected `auto` or a list of cores such as \"0-3,8\", got an empty list (from runner.toml:2:16)",
        ),
        (
            "cpu_affinity = [0, \"1\"]",
            "cpu_affinity",
            "expected a list of numbers of cores, got the string `1` (from runner.toml:2:16)",
        ),
        (
            "cpu_affinity = \"all\"",
            "cpu_affinity",
            "expected `auto` or a list of cores such as \"0-3,8\", got `all` (from runner.toml:2:16)",
        ),
        (
            "cpu_affinity = \"3-0\"",
            "cpu_affinity",
            "`3-0` ends before it begins; write `0-3` (from runner.toml:2:16)",
        ),
        (
            "cpu_affinity = \"0-3,2\"",
            "cpu_affinity",
            "core 2 stands in the list twice (from runner.toml:2:16)",
        ),
        (
            "cpu_affinity = \"0-1024\"",
            "cpu_affinity",
            "expected cores up to 1023, got 1024 (from runner.toml:2:16)",
        ),
        ("nice = 20", "nice", "expected at most 19, got 20 (from runner.toml:2:8)"),
        (
            "nice = -99999999999",
            "nice",
            "expected at least -20, got -99999999999 (from runner.toml:2:8)",
        ),
        (
            "oom_score_adj = -1001",
            "oom_score_adj",
            "expected at least -1000, got -1001 (from runner.toml:2:17)",
        ),
        (
            "no_new_privs = 1",
            "no_new_privs",
            "expected `true` or `false`, got 1 (from runner.toml:2:16)",
        ),
        (
            "chroot = \"srv\"",
            "chroot",
            "expected an absolute path, which begins with `/`, got `srv` (from runner.toml:2:10)",
        ),
        ("chroot = \"\"", "chroot", "expected a path, got an empty string (from runner.toml:2:10)"),
        (
            "capabilities = 10",
            "capabilities",
            "expected a list of capabilities such as [\"net_bind_service\"], got 10 (from runner.toml:2:16)",
        ),
        (
            "capabilities = [\"kill\", 10]",
            "capabilities",
            "expected a list of strings, got 10 (from runner.toml:2:16)",
        ),
        (
            "capabilities = [\"CAP_NET_BIND_SERVIC\", \"root\"]",
            "capabilities",
            "unknown capability `CAP_NET_BIND_SERVIC`; did you mean `net_bind_service`?; unknown capability `root`; capabilities(7) lists them (from runner.toml:2:16)",
        ),
        (
            "capabilities = [\"kill\", \"CAP_KILL\"]",
            "capabilities",
            "`kill` stands in the list twice (from runner.toml:2:16)",
        ),
        (
            "rlimits = 1024",
            "rlimits",
            "expected a table: write `rlimits.nofile = …` (from runner.toml:2:11)",
        ),
        (
            "rlimits.nofiles = 1024",
            "rlimits.nofiles",
            "unknown option; did you mean `nofile`? (from runner.toml:2:19)",
        ),
        (
            "rlimits.sockets = 1024",
            "rlimits.sockets",
            "unknown option; expected one of `nofile`, `nproc`, `core`, `memlock`, `stack`, `fsize`, `as`, `cpu`, `data` (from runner.toml:2:19)",
        ),
        (
            "rlimit.nofile = 1024",
            "rlimit",
            "unknown option; did you mean `rlimits`? (from runner.toml:2:1)",
        ),
        (
            "rlimits.nofile = 0",
            "rlimits.nofile",
            "expected at least 1, got 0; \"unlimited\" is possible too (from runner.toml:2:18)",
        ),
        (
            "rlimits.nofile = \"64KiB\"",
            "rlimits.nofile",
            "expected a whole number, got the string `64KiB`; \"unlimited\" is possible too (from runner.toml:2:18)",
        ),
        (
            "rlimits.stack = \"8 miles\"",
            "rlimits.stack",
            "expected a size such as \"64KiB\" or a number of bytes, got the string `8 miles`; \"unlimited\" is possible too (from runner.toml:2:17)",
        ),
        (
            "rlimits.core = { soft = 0 }",
            "rlimits.core",
            "expected a size such as \"64KiB\" or a number of bytes, got a table; \"unlimited\" is possible too (from runner.toml:2:16)",
        ),
    ]);
}

#[test]
fn other_layers_with_errors() {
    for (setup, expected) in [
        (
            two_servers().environment("RUNNER_SERVER_ECHO__RLIMITS__NOFIL=1"),
            "server.echo.rlimits.nofil: unknown option; did you mean `nofile`? (from RUNNER_SERVER_ECHO__RLIMITS__NOFIL)",
        ),
        (
            two_servers().environment("RUNNER_SERVER_ECHO__RLIMITS=1"),
            "server.echo.rlimits: expected a table: write `rlimits.nofile = …` (from RUNNER_SERVER_ECHO__RLIMITS)",
        ),
        (
            two_servers().command_line("--server.echo.rlimits.core=much"),
            "server.echo.rlimits.core: expected a size such as \"64KiB\" or a number of bytes, got `much`; \"unlimited\" is possible too (from --server.echo.rlimits.core)",
        ),
        (
            two_servers().command_line("--server.echo.max_requests=0"),
            "server.echo.max_requests: expected at least 1, got 0; leave the option out for no limit (from --server.echo.max_requests)",
        ),
        (
            two_servers().environment("RUNNER_SERVER_ECHO__CAPABILITIES=kill,,net_raw"),
            "server.echo.capabilities: unknown capability ``; capabilities(7) lists them (from RUNNER_SERVER_ECHO__CAPABILITIES)",
        ),
    ] {
        assert_eq!(setup.errors(), expected);
    }
}

#[test]
fn declarations_with_errors() {
    let check = |expected: &str, change: fn(&mut ServerOptions)| {
        let mut setup = two_servers();
        change(&mut setup.servers[0].2);
        assert_eq!(setup.errors(), format!("server.echo.{expected} (declared at PLACE)"));
    };
    check("workers: the range 8..=2 ends before it begins; write \"2..=8\"", |options| {
        options.workers = Some(Workers::Range { min: 8, max: 2 });
    });
    check("heartbeat_timeout: expected at most 24h, got 25h; \"off\" switches it off", |options| {
        options.heartbeat_timeout = Some(Some(Duration::from_secs(25 * 60 * 60)));
    });
    check(
        "max_lifetime: expected at least 1s, got 0ns; leave the option out for no limit",
        |options| {
            options.max_lifetime = Some(Duration::ZERO);
        },
    );
    check("max_surge: expected at most 100%, got 200%", |options| {
        options.max_surge = Some(Share::Percent(200));
    });
    check("cpu_affinity: core 1 stands in the list twice", |options| {
        options.cpu_affinity = Some(CpuAffinity::Cores(vec![1, 0, 1]));
    });
    check("nice: expected at least -20, got -21", |options| options.nice = Some(-21));
    check("rlimits.nproc: expected at least 1, got 0; \"unlimited\" is possible too", |options| {
        options.rlimit_nproc = Some(Limit::At(0));
    });
    check("capabilities: `kill` stands in the list twice", |options| {
        options.capabilities = Some(vec![Capability::Kill, Capability::Kill]);
    });
}

#[test]
fn something_can_always_be_replaced() {
    let none = "no worker could be replaced, for `max_unavailable` is 0 too";
    for (setup, expected) in [
        (
            two_servers().command_line("--server.echo.max_surge=0"),
            format!(
                "{none}, from default; give one of them more than 0 (from --server.echo.max_surge)"
            ),
        ),
        (
            two_servers()
                .file("[server.echo]\nmax_unavailable = \"0%\"")
                .environment("RUNNER_SERVER_ECHO__MAX_SURGE=0%"),
            format!(
                "{none}, from runner.toml:2:19; give one of them more than 0 (from RUNNER_SERVER_ECHO__MAX_SURGE)"
            ),
        ),
    ] {
        assert_eq!(setup.errors(), format!("server.echo.max_surge: {expected}"));
    }
    // Less than one worker is more than none.
    let setup = two_servers()
        .command_line("--server.echo.max_surge=0")
        .command_line("--server.echo.max_unavailable=1%");
    assert!(setup.load().is_ok());
}

#[test]
fn the_path_of_a_socket_is_short() {
    let check = |bytes: usize| {
        let path = format!("/{}", "x".repeat(bytes - 1));
        two_servers().command_line(&format!("--master.control={path}")).load()
    };
    assert!(check(107).is_ok());
    let errors = check(108).expect_err("too long").to_string();
    let expected = "master.control: the path of a socket has at most 107 bytes, and this one has 108 from the root on \
                    (from --master.control)";
    assert_eq!(errors, expected);
}
