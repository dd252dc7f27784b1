//! Addresses that come and go while the program runs: the new ones first, then the old ones go.

use crate::free_address;
use crate::reconfigure::{configured, pids, reconfigure, refused, rewrite};
use nix::sys::signal::Signal;
use runner_tests::{connect, eventually, get, listeners, load, read_reply};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;

/// What the workers of `web` listen on, and more.
fn web(addresses: &[SocketAddr], more: &str) -> String {
    let addresses: Vec<_> = addresses.iter().map(|address| format!("\"{address}\"")).collect();
    format!("[server.web]\nbind = [{}]\n{more}", addresses.join(", "))
}

/// A new address answers, and the sockets of the old one stay what they are (P4, P60).
#[test]
fn a_new_address_is_added_to_the_old_one() {
    let [one, other] = [free_address(), free_address()];
    let program = configured(&web(&[one], "")).spawn().ready();
    let echo = pids(&program, "echo");
    let before = listeners(program.pid());
    let clients = load(one, 4);
    rewrite(&program, &web(&[one, other], ""));
    let told = reconfigure(&program);
    assert_eq!(told, format!("web: bind \"{one}\" → [\"{one}\", \"{other}\"]; by new workers"));
    let after = listeners(program.pid());
    assert!(after.is_superset(&before), "{before:?} {after:?}");
    assert_eq!(after.len(), before.len() + 2, "one for each worker");
    assert_eq!(get(other, "/").unwrap().status, 200);
    assert_eq!(pids(&program, "echo"), echo);
    assert!(program.verb(&["status"]).says(&other.to_string()));
    assert_eq!(clients.stop(), Vec::<String>::new());
}

/// An address that is given up is refused, once what is in flight there has been answered. Nobody
/// notices anything on the other one.
#[test]
fn an_address_is_given_up_without_loss() {
    let [one, other] = [free_address(), free_address()];
    let program = configured(&web(&[one, other], "")).spawn().ready();
    let before = listeners(program.pid());
    let clients = load(one, 4);
    let mut in_flight = connect(other).unwrap();
    // The second request begins when the first is answered.
    in_flight.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    in_flight.write_all(b"GET /slow?3000 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(read_reply(&mut in_flight).unwrap().status, 200);
    rewrite(&program, &web(&[one], ""));
    reconfigure(&program);
    eventually("nobody listens there", || connect(other).is_err().then_some(()));
    assert_eq!(read_reply(&mut in_flight).unwrap().text(), "slow\n");
    assert_eq!(clients.stop(), Vec::<String>::new());
    let after = listeners(program.pid());
    assert!(after.is_subset(&before) && after.len() == before.len() - 2, "{before:?} {after:?}");

    // And back again, while the last one who had it is hardly gone.
    rewrite(&program, &web(&[one, other], ""));
    reconfigure(&program);
    assert_eq!(get(other, "/").unwrap().status, 200);
}

/// An address that is taken is a mistake like any other: nothing of the same file is done.
#[test]
fn an_address_that_is_taken_changes_nothing() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let [one, free] = [free_address(), free_address()];
    let program = configured(&web(&[one], "")).spawn().ready();
    let before = program.workers();
    let sockets = listeners(program.pid());
    let echo = format!("[server.echo]\nworkers = 3\nbind = \"{}\"", taken.local_addr().unwrap());
    rewrite(&program, &web(&[one, free], &format!("workers = 5\n{echo}")));
    for verb in ["reconfigure", "reload", "restart"] {
        let told = refused(&program, verb);
        assert!(told.contains("server.echo.bind: cannot listen on"), "{told}");
        assert!(told.contains("(from runner.toml:8:8)"), "{told}");
    }
    program.signal(Signal::SIGHUP);
    program.wait_for_nth("the configuration stays as it was", 4);
    assert_eq!(program.workers(), before);
    assert_eq!(listeners(program.pid()), sockets);
    assert!(connect(free).is_err());
    drop(taken);
    assert!(reconfigure(&program).contains("workers 2 → 5"));
    assert_eq!(get(free, "/").unwrap().status, 200);
}

/// New workers that cannot serve at a new address leave everything as it was, and what is mended
/// works (P60).
#[test]
fn an_address_goes_with_the_workers_that_fail() {
    let [one, other] = [free_address(), free_address()];
    let program = configured(&web(&[one], "")).spawn().ready();
    let before = pids(&program, "web");
    let sockets = listeners(program.pid());
    let told = program.directory().join("fixture_worker");
    std::fs::write(&told, "error 2").unwrap();
    rewrite(&program, &web(&[one, other], "workers = 4"));
    for _ in 0..2 {
        let reason = refused(&program, "reconfigure");
        assert!(reason.contains("no database"), "{reason}");
        eventually("the new workers are gone", || (pids(&program, "web") == before).then_some(()));
        assert!(listeners(program.pid()).is_superset(&sockets));
        assert!(connect(other).is_err());
        assert_eq!(get(one, "/").unwrap().status, 200);
    }
    std::fs::remove_file(told).unwrap();
    assert!(reconfigure(&program).contains("workers 2 → 4"));
    assert_eq!(get(other, "/").unwrap().status, 200);
    eventually("the old workers are gone", || {
        pids(&program, "web").is_disjoint(&before).then_some(())
    });
}

/// A server that has changed already changes back when another one cannot (P60).
#[test]
fn who_was_faster_changes_back() {
    let [one, other] = [free_address(), free_address()];
    let echo = |address| format!("[server.echo]\nbind = \"{address}\"\n");
    let program = configured(&echo(one)).spawn().ready();
    let before = pids(&program, "web");
    let told = program.directory().join("fixture_worker");
    std::fs::write(&told, "sleep 2").unwrap();
    let both = format!("{}[server.web]\nthreads = 2\nstart_timeout = \"1s\"", echo(other));
    rewrite(&program, &both);
    assert!(refused(&program, "reconfigure").contains("not ready"));
    program.wait_for("worker will be replaced worker=echo 0/2");
    eventually("it is as before", || {
        (connect(other).is_err() && connect(one).is_ok()).then_some(())
    });
    assert_eq!(pids(&program, "web"), before);
    eventually("one worker is left", || (pids(&program, "echo").len() == 1).then_some(()));
    std::fs::remove_file(told).unwrap();
    assert!(reconfigure(&program).contains("echo: bind"));
    assert!(connect(other).is_ok());
    eventually("nobody listens there", || connect(one).is_err().then_some(()));
}

/// A file that is wrong, or gone, changes nothing, and all that is wrong with it is told.
#[test]
fn a_file_that_is_wrong_changes_nothing() {
    let other = "[master]\npid_file = \"app.pid\"\n";
    let program = configured("").file("other.toml", other).spawn().ready();
    let before = program.workers();
    rewrite(&program, "[server.web]\nworkers = 0\nkeep_alvie = \"5s\"\n");
    let mistakes = [
        "server.web.workers: expected at least 1, got 0 (from runner.toml:4:11)",
        "server.web.keep_alvie: unknown option; did you mean `keep_alive`? (from runner.toml:5:14)",
    ];
    for verb in ["reconfigure", "reload", "restart"] {
        // Whoever asks reads the file as well; with another one it is the master who says so.
        let told = program.verb(&[verb]);
        assert_eq!((told.code, told.lines), (Some(2), mistakes.map(str::to_owned).to_vec()));
        let told = program.verb(&[verb, "--config", "other.toml"]);
        assert_eq!((told.code, told.lines), (Some(1), mistakes.map(str::to_owned).to_vec()));
    }
    for (count, signal) in [(4, Signal::SIGHUP), (5, Signal::SIGUSR1), (6, Signal::SIGUSR2)] {
        program.signal(signal);
        program.wait_for_nth("the configuration stays as it was", count);
    }
    mistakes.iter().for_each(|mistake| assert_eq!(program.count(mistake), 6));
    std::fs::remove_file(program.directory().join("runner.toml")).unwrap();
    program.signal(Signal::SIGHUP);
    program.wait_for("runner.toml: cannot read the configuration: No such file");
    program.wait_for_nth("log files reopened", 3);
    assert_eq!(program.workers(), before);
}

/// Who may connect to a unix socket changes at once, and back with a configuration that has failed.
#[test]
fn the_mode_of_a_socket_changes_with_the_configuration() {
    let unix = |more: &str| format!("[server.web]\nbind = \"unix:web.sock\"\n{more}");
    let program = configured(&unix("")).spawn().ready();
    let before = program.workers();
    let file = program.directory().join("web.sock");
    let mode = || std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    rewrite(&program, &unix("mode = 0o660"));
    assert_eq!(reconfigure(&program), "web: mode not set → \"660\"");
    assert_eq!(mode(), 0o660);
    assert_eq!(program.workers(), before);

    rewrite(&program, &unix("mode = 0o666\n[server.echo]\nstdout = \"no/such/directory\""));
    assert!(refused(&program, "reconfigure").contains("server.echo.stdout: cannot open"));
    assert_eq!(mode(), 0o660);
    std::fs::write(program.directory().join("fixture_worker"), "error 2").unwrap();
    rewrite(&program, &unix("mode = 0o666\nthreads = 2"));
    assert!(refused(&program, "reconfigure").contains("no database"));
    assert_eq!(mode(), 0o660);
}
