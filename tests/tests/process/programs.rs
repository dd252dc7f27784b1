//! The ways to write a program: each of them runs and serves.

use nix::sys::signal::Signal;
use runner_tests::{Program, connect, get};
use std::path::Path;

/// What a program is expected to serve: its servers, the workers of each, and what an http server
/// answers.
type Expected<'a> = &'a [(&'a str, usize, Option<&'a str>)];

#[test]
fn every_way_to_write_a_program_runs() {
    let programs: [(&str, Expected<'_>); 6] = [
        (env!("CARGO_BIN_EXE_imported_main"), &[("hello", 1, Some("hello\n"))]),
        (env!("CARGO_BIN_EXE_own_main"), &[("hello", 1, Some("hello\n"))]),
        (env!("CARGO_BIN_EXE_several"), &[("hello", 2, Some("hello\n")), ("echo", 1, None)]),
        (
            env!("CARGO_BIN_EXE_listed"),
            &[("listed", 1, Some("listed\n")), ("also_listed", 1, None)],
        ),
        (env!("CARGO_BIN_EXE_library"), &[("distant", 1, None)]),
        (env!("CARGO_BIN_EXE_modules"), &[("api", 2, Some("/ from 127.0.0.1")), ("echo", 1, None)]),
    ];
    for (executable, servers) in programs {
        let mut start = Program::new(executable);
        for (server, workers, _) in servers {
            let variable = format!("RUNNER_SERVER_{}__WORKERS", server.to_uppercase());
            start = start.env(&variable, &workers.to_string());
        }
        let program = start.spawn().ready();
        let name = Path::new(executable).file_name().unwrap().to_string_lossy();
        let all: usize = servers.iter().map(|(_, workers, _)| workers).sum();
        assert_eq!(program.wait_for_workers(all, 1).len(), all, "{name}");
        assert_eq!(program.count("listening on"), servers.len(), "{name}");
        for (server, workers, answer) in servers {
            let address = program.address(server);
            assert_eq!(program.workers_of(server).len(), *workers, "{name} {server}");
            match answer {
                Some(answer) => {
                    let text = get(address, "/").unwrap().text();
                    assert!(text.starts_with(answer), "{name} {server}: {text}");
                }
                None => drop(connect(address).unwrap()),
            }
        }
        program.signal(Signal::SIGUSR2);
        program.wait_for_workers(all, 2);
        let ended = program.stop(Signal::SIGTERM);
        assert_eq!(ended.code, Some(0), "{name}: {}", ended.text());
        assert!(!ended.says("panicked"), "{name}: {}", ended.text());
    }
}
