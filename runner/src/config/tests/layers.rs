//! What valid layers come to.

use super::*;
use crate::config::options::Absent;
use crate::spec::Workers;
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
        assert_eq!((sourced.value, actual.as_str()), (workers, origin));
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
            master = { pid_file = "/run/app.pid", stdout = "/var/log/app.log", daemonize = true, umask = 0o022, term = "graceful" }
            [server.echo]
            bind = ["127.0.0.1:1", "[::1]:2"]
            workers = "auto"
            max_connections = 1_000
            receive_buffer = "1MiB"
            drain_timeout = "500ms"
            user = "bp"
            [server.http_server]
            keep_alive = "2m"
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
    ];
    let mut environment = two_servers();
    let mut command_line = two_servers();
    for (variable, option, value) in values {
        environment = environment.environment(&format!("RUNNER_{variable}={value}"));
        command_line = command_line.command_line(&format!("--{option}={value}"));
    }
    let without_origins = |config: &Config| {
        let text = config.to_string();
        let settings = text.lines().map(|line| line.split("  #").next().unwrap_or_default().trim());
        settings.map(str::to_owned).collect::<Vec<String>>()
    };
    let expected = without_origins(&from_file);
    assert_eq!(without_origins(&environment.load().expect("valid")), expected);
    assert_eq!(without_origins(&command_line.load().expect("valid")), expected);
}

#[test]
fn what_is_shown_can_be_loaded() {
    let mut setup = two_servers()
        .environment("RUNNER_SERVER_ECHO__BIND=127.0.0.1:1,[::1]:2")
        .environment("RUNNER_MASTER__UMASK=007")
        .environment("RUNNER_MASTER__PID_FILE=/tmp/a \"quoted\" \\ path");
    setup.servers[1].2.keep_alive = Some(Duration::from_millis(1500));
    let shown = setup.load().expect("valid");
    let again = two_servers().file(&shown.to_string()).load().expect("valid");
    assert_eq!(
        again.master.pid_file.as_ref().map(|path| &path.value),
        shown.master.pid_file.as_ref().map(|path| &path.value)
    );
    assert_eq!(again.master.umask.as_ref().map(|umask| umask.value), Some(0o007));
    for (again, shown) in again.servers.iter().zip(&shown.servers) {
        assert_eq!(again.settings.bind.value, shown.settings.bind.value);
        assert_eq!(again.settings.keep_alive.value, shown.settings.keep_alive.value);
        assert_eq!(again.settings.receive_buffer.value, shown.settings.receive_buffer.value);
    }
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
    assert_eq!(config.servers[0].settings.bind.value, ["127.0.0.1:7".parse().expect("address")]);
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
