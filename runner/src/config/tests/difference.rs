//! What becomes of a configuration that has changed.

use super::*;
use std::collections::BTreeMap;

/// Where the server listens when that is not the question: every option of sockets has an effect.
const BIND: &str = "bind = [\"[::1]:9501\", \"unix:/run/web.sock\"]";

/// Each option of a server with a value that is not its default.
const OF_A_SERVER: &[(&str, &str)] = &[
    ("bind", "[\"[::1]:9502\", \"unix:/run/web.sock\"]"),
    ("workers", "4"),
    ("threads", "2"),
    ("user", "\"bp\""),
    ("group", "\"bp\""),
    ("stdin", "\"/in\""),
    ("stdout", "\"/out\""),
    ("stderr", "\"/error\""),
    ("max_connections", "10"),
    ("receive_buffer", "\"1MiB\""),
    ("keep_alive", "\"5s\""),
    ("header_timeout", "\"5s\""),
    ("backlog", "16"),
    ("accept", "\"shared\""),
    ("v6only", "false"),
    ("mode", "0o666"),
    ("owner", "\"bp\""),
    ("group_owner", "\"bp\""),
    ("lame_duck", "\"5s\""),
    ("drain_timeout", "\"5s\""),
    ("start_timeout", "\"5s\""),
    ("heartbeat_timeout", "\"5s\""),
    ("max_requests", "10"),
    ("max_lifetime", "\"5s\""),
    ("max_memory", "\"1MiB\""),
    ("max_restarts", "10"),
    ("restart_window", "\"5s\""),
    ("max_surge", "1"),
    ("max_unavailable", "1"),
    ("cpu_affinity", "\"0\""),
    ("nice", "1"),
    ("oom_score_adj", "1"),
    ("rlimits.nofile", "10"),
    ("rlimits.nproc", "10"),
    ("rlimits.core", "10"),
    ("rlimits.memlock", "10"),
    ("rlimits.stack", "10"),
    ("rlimits.fsize", "10"),
    ("rlimits.as", "10"),
    ("rlimits.cpu", "10"),
    ("rlimits.data", "10"),
    ("no_new_privs", "true"),
    ("capabilities", "[]"),
    ("chroot", "\"/srv\""),
];

/// Each option of the master with a value that is not its default.
const OF_THE_MASTER: &[(&str, &str)] = &[
    ("name", "\"other\""),
    ("pid_file", "\"app.pid\""),
    ("daemonize", "true"),
    ("working_directory", "\"/srv\""),
    ("umask", "0o077"),
    ("stdin", "\"/in\""),
    ("stdout", "\"/out\""),
    ("stderr", "\"/error\""),
    ("term", "\"graceful\""),
    ("spawn", "\"exec\""),
    ("control", "\"app.sock\""),
];

/// Every option has one effect when nothing else changes, and that is what the guide says. A change
/// that is to wait for the start is one the next time as well, and no other is.
#[test]
fn each_option_has_the_effect_that_the_guide_tells() {
    let [of_a_server, of_the_master] = documented();
    let known: Vec<_> = ServerSettings::ROWS.iter().map(|row| row.name).collect();
    assert_eq!(OF_A_SERVER.iter().map(|(name, _)| *name).collect::<Vec<_>>(), known);
    let known: Vec<_> = MasterConfig::ROWS.iter().map(|row| row.name).collect();
    assert_eq!(OF_THE_MASTER.iter().map(|(name, _)| *name).collect::<Vec<_>>(), known);

    for (option, value) in OF_A_SERVER {
        let [mut before, after] = ["", &format!("{option} = {value}")].map(web);
        let changes = of_server(&before, &after);
        assert_eq!(summary(&changes), [(*option, of_a_server[*option])]);
        before.change_to(after.clone(), &changes);
        let again = of_server(&before, &after);
        let waits = of_a_server[*option] == Effect::Start;
        assert_eq!(again, if waits { changes } else { Vec::new() }, "{option}");
    }
    for (option, value) in OF_THE_MASTER {
        let [mut before, after] = ["", &format!("{option} = {value}")].map(master);
        let changes = of_master(&before, &after);
        assert_eq!(summary(&changes), [(*option, of_the_master[*option])]);
        before.change_to(after.clone(), &changes);
        let again = of_master(&before, &after);
        let waits = of_the_master[*option] == Effect::Start;
        assert_eq!(again, if waits { changes } else { Vec::new() }, "{option}");
    }
}

#[test]
fn what_is_the_same_is_no_difference() {
    let lines = OF_A_SERVER.iter().map(|(option, value)| format!("{option} = {value}\n"));
    let all: String = lines.filter(|line| !line.starts_with("receive_buffer")).collect();
    let moved = format!("# The same, a line further down.\n{all}");
    assert_eq!(of_server(&web(&all), &web(&moved)), []);
    let [one, other] = ["umask = 0o27", "\numask = 0o027"].map(master);
    assert_eq!(of_master(&one, &other), []);
}

#[test]
fn changes_are_told_as_they_are_written() {
    for (before, after, expected) in [
        ("", "workers = 4", "workers 1 → 4"),
        ("max_requests = 5", "", "max_requests 5 → not set"),
        ("", "chroot = \"/srv\"", "chroot not set → \"/srv\""),
        (
            "",
            "accept = \"shared\"",
            "accept \"slots\" → \"shared\" takes effect when the program is started again (from runner.toml:2:10)",
        ),
    ] {
        let [before, after] = [before, after].map(web);
        let changes = of_server(&before, &after);
        let told: Vec<_> = changes.iter().map(ToString::to_string).collect();
        assert_eq!(told, [expected]);
    }
}

#[test]
fn an_output_that_is_not_set_any_more_stays_until_the_start() {
    let [before, after] = ["stdout = \"out\"", ""].map(master);
    assert_eq!(summary(&of_master(&before, &after)), [("stdout", Effect::Start)]);
    let [before, after] = ["stdout = \"a\"", "stdout = \"b\""].map(master);
    assert_eq!(summary(&of_master(&before, &after)), [("stdout", Effect::AtOnce)]);
}

#[test]
fn addresses_are_counted() {
    for (one, other, rest) in
        [("ab", "ba", ""), ("ab", "a", "b"), ("aab", "ba", "a"), ("", "a", ""), ("a", "", "a")]
    {
        let [one, other, rest] = [one, other, rest].map(|text| text.chars().collect::<Vec<_>>());
        assert_eq!(without(&one, &other), rest);
    }
}

/// The server `web` with these options.
fn web(options: &str) -> ServerConfig {
    let kind = if options.starts_with("receive_buffer") { Kind::Tcp } else { Kind::Http };
    let setup = Setup::default().server(kind, "web", "127.0.0.1:9501");
    let bind = if options.contains("bind = ") { "" } else { BIND };
    let file = format!("[server.web]\n{options}\n{bind}");
    let mut config = setup.file(&file).load().expect("valid");
    config.servers.remove(0)
}

fn master(options: &str) -> MasterConfig {
    let setup = Setup::default().server(Kind::Http, "web", "127.0.0.1:9501");
    setup.file(&format!("[master]\n{options}")).load().expect("valid").master
}

fn summary(changes: &[Change]) -> Vec<(&'static str, Effect)> {
    changes.iter().map(|change| (change.option, change.effect)).collect()
}

/// The table of the guide: the effect of each option of a server, and of each of the master.
fn documented() -> [BTreeMap<String, Effect>; 2] {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guide/src/changes.md");
    let page = std::fs::read_to_string(page).expect("the guide");
    let (_, table) = page.split_once("\n|---|---|---|\n").expect("a table");
    let mut all = [BTreeMap::new(), BTreeMap::new()];
    for row in table.lines().take_while(|line| line.starts_with('|')) {
        let mut cells = row.trim_matches('|').split('|');
        let effect = match cells.next().expect("an effect").trim() {
            "at once" => Effect::AtOnce,
            "by new workers" => Effect::Reload,
            "when the program is started again" => Effect::Start,
            other => panic!("no effect: {other}"),
        };
        for (section, cell) in all.iter_mut().zip(cells) {
            for option in cell.split('`').skip(1).step_by(2) {
                let former = section.insert(option.to_owned(), effect);
                assert_eq!(former, None, "{option} stands there twice");
            }
        }
    }
    all
}
