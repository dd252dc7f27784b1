//! What valid layers come to.

use super::*;
use crate::config::options::Absent;
use crate::spec::{Capability, Limit, Workers};
use std::time::Duration;

#[test]
fn a_program_without_layers_has_the_defaults() {
    let config = two_servers().load().expect("valid");
    let text = config.to_string().replace(&place_text(), "PLACE");
    insta::assert_snapshot!(text);
}

#[test]
fn layers_override_one_another() {
    let mut setup = two_servers();
    let check = |setup: &Setup, workers: u32, origin: &str| {
        let config = setup.load().expect("valid");
        let sourced = &config.servers[0].settings.workers;
        let actual = sourced.origin.to_string().replace(&place_text(), "PLACE");
        assert_eq!((sourced.value.initial(), actual.as_str()), (workers, origin));
    };
    check(&setup, 1, "default");
    setup.servers[0].2.workers = Some(Workers::Fixed(2));
    check(&setup, 2, "declared at PLACE");
    let setup = setup.file("[server.echo]\nworkers = 3");
    check(&setup, 3, "runner.toml:2:11");
    let setup = setup.environment("RUNNER_SERVER_ECHO__WORKERS=4");
    check(&setup, 4, "RUNNER_SERVER_ECHO__WORKERS");
    let setup = setup.command_line("--server.echo.workers=5");
    check(&setup, 5, "--server.echo.workers");
    let setup = setup.command_line("--server.echo.workers=auto");
    check(&setup, 8, "--server.echo.workers");
}

#[test]
fn the_command_line_names_another_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let setup = two_servers();
    std::fs::write(directory.path().join("runner.toml"), "malformed").expect("written");
    std::fs::write(directory.path().join("other.toml"), "master.umask = \"077\"").expect("written");
    let config = setup.load_in(directory.path(), Some("other.toml")).expect("valid");
    let umask = config.master.umask.expect("set");
    assert_eq!((umask.value, umask.origin.to_string()), (0o077, "other.toml:1:16".to_owned()));

    let check = |file: &str, expected: &str| {
        let errors = setup.load_in(directory.path(), Some(file)).expect_err("an error");
        assert_eq!(errors.to_string(), expected);
    };
    check(
        "missing.toml",
        "missing.toml: cannot read the configuration: No such file or directory (os error 2)",
    );
    check(".", ".: cannot read the configuration: Is a directory (os error 21)");
}

#[test]
fn every_type_of_value_is_read_from_a_file() {
    let config = two_servers()
        .file(
            r#"
            master = { pid_file = "/run/app.pid", stdout = "/var/log/app.log", daemonize = true, umask = 0o022, term = "graceful", spawn = "exec", control = "/run/app.sock" }
            [server.echo]
            bind = ["127.0.0.1:1", "[::1]:2", "/run/echo.sock", "@echo", "fd:3", "systemd:echo"]
            accept = "shared"
            v6only = false
            mode = "660"
            owner = "root"
            group_owner = "www-data"
            lame_duck = "5s"
            workers = "auto"
            max_connections = 1_000
            receive_buffer = "1MiB"
            drain_timeout = "500ms"
            user = "bp"
            heartbeat_timeout = "off"
            max_requests = 100_000
            max_lifetime = "168h"
            max_memory = "512MiB"
            max_restarts = 0
            restart_window = "5m"
            max_surge = 0
            max_unavailable = "50%"
            cpu_affinity = [0, 1, 2, 8]
            nice = -5
            oom_score_adj = 1000
            no_new_privs = false
            capabilities = ["net_bind_service", "CAP_Kill"]
            chroot = "/srv"
            [server.echo.rlimits]
            nofile = 65536
            core = 0
            stack = "8MiB"
            cpu = "unlimited"
            [server.http_server]
            workers = "4..=16"
            keep_alive = "2m"
            max_surge = 2
            cpu_affinity = "auto"
            "#,
        )
        .load()
        .expect("valid");
    let text = config.to_string().replace(&place_text(), "PLACE");
    insta::assert_snapshot!(text);
    assert_eq!(config.servers[1].settings.keep_alive.value, Duration::from_secs(120));
}

#[test]
fn the_environment_and_the_command_line_say_as_much_as_a_file() {
    let from_file = two_servers()
        .file(
            r#"
            [master]
            daemonize = true
            umask = "022"
            [server.echo]
            bind = ["127.0.0.1:1", "[::1]:2"]
            receive_buffer = 4096
            drain_timeout = "500ms"
            workers = "2..=8"
            max_surge = "10%"
            max_unavailable = 1
            cpu_affinity = [0, 1, 2, 8]
            nice = -5
            heartbeat_timeout = "off"
            capabilities = ["kill", "net_raw"]
            rlimits = { core = "unlimited", nofile = 1024 }
            "#,
        )
        .load()
        .expect("valid");
    let values = [
        ("MASTER__DAEMONIZE", "master.daemonize", "true"),
        ("MASTER__UMASK", "master.umask", "022"),
        ("SERVER_ECHO__BIND", "server.echo.bind", "127.0.0.1:1, [::1]:2"),
        ("SERVER_ECHO__RECEIVE_BUFFER", "server.echo.receive_buffer", "4096"),
        ("SERVER_ECHO__DRAIN_TIMEOUT", "server.echo.drain_timeout", "500ms"),
        ("SERVER_ECHO__WORKERS", "server.echo.workers", "2..=8"),
        ("SERVER_ECHO__MAX_SURGE", "server.echo.max_surge", "10%"),
        ("SERVER_ECHO__MAX_UNAVAILABLE", "server.echo.max_unavailable", "1"),
        ("SERVER_ECHO__CPU_AFFINITY", "server.echo.cpu_affinity", "0-2,8"),
        ("SERVER_ECHO__NICE", "server.echo.nice", "-5"),
        ("SERVER_ECHO__HEARTBEAT_TIMEOUT", "server.echo.heartbeat_timeout", "off"),
        ("SERVER_ECHO__CAPABILITIES", "server.echo.capabilities", "kill, CAP_NET_RAW"),
        ("SERVER_ECHO__RLIMITS__CORE", "server.echo.rlimits.core", "unlimited"),
        ("SERVER_ECHO__RLIMITS__NOFILE", "server.echo.rlimits.nofile", "1024"),
    ];
    let mut environment = two_servers();
    let mut command_line = two_servers();
    for (variable, option, value) in values {
        environment = environment.environment(&format!("RUNNER_{variable}={value}"));
        command_line = command_line.command_line(&format!("--{option}={value}"));
    }
    let expected = without_origins(&from_file);
    assert_eq!(without_origins(&environment.load().expect("valid")), expected);
    assert_eq!(without_origins(&command_line.load().expect("valid")), expected);
}

/// The lines of `config show`, without the comments behind them.
fn without_origins(config: &Config) -> Vec<String> {
    let text = config.to_string();
    let settings = text.lines().map(|line| line.split("  #").next().unwrap_or_default().trim());
    settings.map(str::to_owned).collect()
}

#[test]
fn limits_of_resources_have_layers_of_their_own() {
    let mut setup = two_servers()
        .file("[server.echo.rlimits]\ncore = \"unlimited\"\nstack = \"8MiB\"\n[server.http_server]\nrlimits.as = 4096")
        .environment("RUNNER_SERVER_ECHO__RLIMITS__STACK=16MiB")
        .command_line("--server.echo.rlimits.nproc=64");
    setup.servers[0].2.rlimit_nofile = Some(Limit::At(65_536));
    setup.servers[0].2.rlimit_core = Some(Limit::At(0));
    let config = setup.load().expect("valid");
    let check = |limit: &Option<Sourced<Limit>>, value: Limit, origin: &str| {
        let limit = limit.as_ref().expect("set");
        let actual = limit.origin.to_string().replace(&place_text(), "PLACE");
        assert_eq!((limit.value, actual.as_str()), (value, origin));
    };
    let [echo, http] = [0, 1].map(|at: usize| &config.servers[at].settings);
    check(&echo.rlimit_nofile, Limit::At(65_536), "declared at PLACE");
    check(&echo.rlimit_core, Limit::Unlimited, "runner.toml:2:8");
    check(&echo.rlimit_stack, Limit::At(16 << 20), "RUNNER_SERVER_ECHO__RLIMITS__STACK");
    check(&echo.rlimit_nproc, Limit::At(64), "--server.echo.rlimits.nproc");
    check(&http.rlimit_as, Limit::At(4096), "runner.toml:5:14");
    assert_eq!((&echo.rlimit_cpu, &http.rlimit_nofile), (&None, &None));
}

#[test]
fn what_can_be_absent_has_a_word_for_it() {
    let config = two_servers()
        .file("[server.echo]\nheartbeat_timeout = \"off\"\ncapabilities = []\n[server.http_server]\ncapabilities = \"CAP_KILL\"")
        .environment("RUNNER_SERVER_HTTP_SERVER__CAPABILITIES=")
        .load()
        .expect("valid");
    let [echo, http] = [0, 1].map(|at: usize| &config.servers[at].settings);
    assert_eq!(echo.heartbeat_timeout.value, None);
    assert_eq!(http.heartbeat_timeout.value, Some(Duration::from_secs(30)));
    for settings in [echo, http] {
        assert_eq!(settings.capabilities.as_ref().map(|list| list.value.len()), Some(0));
        assert_eq!(settings.no_new_privs, None);
    }
}

#[test]
fn what_is_shown_can_be_loaded() {
    let mut setup = two_servers()
        .environment("RUNNER_SERVER_ECHO__BIND=127.0.0.1:1,[::1]:2")
        .environment("RUNNER_MASTER__UMASK=007")
        .environment("RUNNER_MASTER__PID_FILE=/tmp/a \"quoted\" \\ path");
    let options = &mut setup.servers[1].2;
    options.keep_alive = Some(Duration::from_millis(1500));
    options.workers = Some((4..=16).into());
    options.heartbeat_timeout = Some(None);
    options.max_unavailable = Some(Share::Percent(50));
    options.cpu_affinity = Some([8, 0, 1, 2].into());
    options.nice = Some(-20);
    options.rlimit_stack = Some(Limit::At(8 << 20));
    options.rlimit_cpu = Some(Limit::Unlimited);
    options.capabilities = Some(vec![Capability::NetBindService, Capability::Kill]);
    let shown = setup.load().expect("valid");
    let again = two_servers().file(&shown.to_string()).load().expect("valid");
    assert_eq!(without_origins(&again), without_origins(&shown));
}

#[test]
fn variables_of_others_are_left_alone() {
    let setup = two_servers()
        .environment("RUNNER_LOG=debug")
        .environment("RUNNER_OS=Linux")
        .environment("RUNNER_NAME=a machine of somebody's CI")
        .environment("PATH=/bin");
    assert_eq!(setup.load(), two_servers().load());
}

#[test]
fn port_zero_is_nobodys() {
    let setup = Setup::default().server(Kind::Tcp, "a", "127.0.0.1:0").server(
        Kind::Tcp,
        "b",
        "127.0.0.1:0",
    );
    assert!(setup.load().is_ok());
}

#[test]
fn a_bind_from_any_layer_will_do() {
    let mut setup = two_servers().environment("RUNNER_SERVER_ECHO__BIND=127.0.0.1:7");
    setup.servers[0].2.bind = None;
    let config = setup.load().expect("valid");
    let bound: Vec<_> =
        config.servers[0].settings.bind.value.iter().map(ToString::to_string).collect();
    assert_eq!(bound, ["127.0.0.1:7"]);
}

/// Whoever gives other addresses cannot take back what the program says of its own ones.
#[test]
fn options_of_sockets_that_were_overridden_do_no_harm() {
    let mut setup = Setup::default().server(Kind::Tcp, "echo", "/run/app.sock");
    setup.servers[0].2.mode = Some(0o660);
    setup.load().expect("valid");
    let setup = setup.environment("RUNNER_SERVER_ECHO__BIND=127.0.0.1:7");
    setup.load().expect("valid");
    let errors = setup.environment("RUNNER_SERVER_ECHO__OWNER=root").errors();
    assert!(errors.starts_with("server.echo.owner: has no effect without a unix"), "{errors}");
}

#[test]
fn ipv4_and_ipv6_share_a_port_only_where_they_are_apart() {
    let setup =
        Setup::default().server(Kind::Tcp, "a", "0.0.0.0:80").server(Kind::Tcp, "b", "[::]:80");
    setup.load().expect("valid");
    let errors = setup.environment("RUNNER_SERVER_B__V6ONLY=false").errors();
    assert!(errors.contains("`[::]:80` cannot be had beside `0.0.0.0:80`"), "{errors}");
}

#[test]
fn relative_paths_start_where_the_program_was_started() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut setup = two_servers()
        .environment("RUNNER_MASTER__WORKING_DIRECTORY=..")
        .command_line("--master.pid_file=run/app.pid");
    setup.servers[0].2.stdout = Some("echo.log".into());
    setup.servers[0].2.stderr = Some("/var/log/echo.log".into());
    let config = setup.load_in(directory.path(), None).expect("valid");
    let check = |path: &Option<Sourced<PathBuf>>, expected: &str| {
        let path = path.as_ref().map(|path| path.value.clone());
        assert_eq!(path, Some(directory.path().join(expected)));
    };
    check(&config.master.working_directory, "..");
    check(&config.master.pid_file, "run/app.pid");
    check(&config.servers[0].settings.stdout, "echo.log");
    check(&config.servers[0].settings.stderr, "/var/log/echo.log");
}

#[test]
fn defaults_are_shown_as_they_are_documented() {
    let config = two_servers().load().expect("valid");
    let lines = config.servers[1].lines().into_iter().chain(config.master.lines());
    for line in lines {
        if let (Absent::Default(text), Some((value, _))) = (line.row.absent, &line.value) {
            assert_eq!(value.trim_matches('"'), text, "{}", line.row.name);
        }
    }
}

/// While the program runs, a file that is gone or no file is a mistake, and not all the defaults
/// (P60).
#[test]
fn a_file_that_is_read_once_more_must_be_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut setup = two_servers();
    let fifo = directory.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("made");
    setup.again = true;
    for (file, expected) in [
        (
            "fifo",
            "fifo: cannot read the configuration: it is no regular file, and cannot be read once more",
        ),
        (
            "/dev/null",
            "/dev/null: cannot read the configuration: it is no regular file, and cannot be read once more",
        ),
        (
            "runner.toml",
            "runner.toml: cannot read the configuration: No such file or directory (os error 2)",
        ),
    ] {
        let errors = setup.load_in(directory.path(), Some(file)).expect_err("an error");
        assert_eq!(errors.to_string(), expected);
    }
    setup.load_in(directory.path(), None).expect("there never was a file");
}

#[test]
fn a_file_has_a_limit() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("runner.toml");
    let setup = two_servers();
    std::fs::write(&path, "#".repeat(1 << 20)).expect("written");
    setup.load_in(directory.path(), None).expect("valid");
    std::fs::write(&path, "#".repeat((1 << 20) + 1)).expect("written");
    let errors = setup.load_in(directory.path(), None).expect_err("an error");
    let expected = "runner.toml: cannot read the configuration: it has more than 1048576 bytes";
    assert_eq!(errors.to_string(), expected);
}
