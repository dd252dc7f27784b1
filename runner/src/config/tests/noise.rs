//! Layers full of anything.

use super::*;
use proptest::prelude::*;

/// Text that gets further into the parsers than noise does.
fn text() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "[",
        "]",
        "server",
        "master",
        ".",
        "echo",
        "http_server",
        "=",
        "\n",
        "\"",
        "workers",
        "bind",
        "umask",
        "keep_alive",
        "term",
        "127.0.0.1",
        ":",
        "80",
        "ms",
        "KiB",
        "0o",
        "99999999999999999999999999999999999999999",
        "-",
        ",",
        "#",
        "__",
        "RUNNER_",
        "SERVER_ECHO",
        "MASTER",
        "rlimits",
        "nofile",
        "capabilities",
        "..=",
        "%",
        "auto",
        "off",
        "ä",
        "\u{0}",
        " ",
        "true",
        "{",
        "}",
        "'''",
        "inf",
        "\\",
    ]);
    let text = prop::collection::vec(words, 0..12).prop_map(|words| words.concat());
    prop_oneof![text, any::<String>()]
}

proptest! {
    #[test]
    fn no_layer_can_cause_a_panic(
        file in prop::collection::vec(text(), 0..6),
        variables in prop::collection::vec((text(), text()), 0..3),
        options in prop::collection::vec((text(), text()), 0..3),
        names in prop::collection::vec(text(), 0..3),
        bind in text(),
    ) {
        let mut setup = two_servers().file(&file.concat());
        for name in &names {
            setup = setup.server(Kind::Tcp, name, &bind);
        }
        for (name, value) in &variables {
            setup = setup.environment(&format!("RUNNER_{name}={value}"));
            setup = setup.environment(&format!("RUNNER_SERVER_ECHO__{name}={value}"));
        }
        for (name, value) in &options {
            setup = setup.command_line(&format!("--server.echo.{name}={value}"));
            setup = setup.command_line(&format!("--{name}={value}"));
        }
        match setup.load() {
            Ok(config) => prop_assert!(!config.servers.is_empty()),
            Err(errors) => prop_assert_eq!(errors.to_string().lines().count(), errors.len()),
        }
    }

    #[test]
    fn no_value_can_cause_a_panic(value in text()) {
        let mut setup = Setup::default();
        setup = setup.server(Kind::Tcp, "tcp", "127.0.0.1:0").server(Kind::Http, "http", "127.0.0.1:0");
        let rows = ServerSettings::ROWS.iter().map(|row| format!("--server.tcp.{}={value}", row.name));
        setup.command_line.extend(rows);
        let rows = ServerSettings::ROWS.iter().map(|row| format!("--server.http.{}={value}", row.name));
        setup.command_line.extend(rows);
        let rows = MasterConfig::ROWS.iter().map(|row| format!("--master.{}={value}", row.name));
        setup.command_line.extend(rows);
        prop_assert!(setup.load().is_err());
    }
}
