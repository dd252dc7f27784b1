//! What a server listens on: several addresses, both versions of IP, and sockets that all workers
//! share.

use crate::{FIXTURE, fixture, free_address, settle};
use nix::sys::signal::Signal;
use runner_tests::{Program, Raw, connect, eventually, get, listeners, sockets};
use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Every address gets a port of its own, is shown with it, and is served by every slot.
#[test]
fn every_address_is_served() {
    let program = fixture()
        .env("RUNNER_SERVER_WEB__BIND", "127.0.0.1:0,127.0.0.2:0,127.0.0.1:0,[::1]:0")
        .spawn()
        .ready();
    let shown = addresses(&program, "web");
    assert_eq!(shown.len(), 4);
    assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), 4);
    for address in shown {
        let address: SocketAddr = address.parse().unwrap();
        eventually("both workers have answered there", || {
            let answers: BTreeSet<_> =
                (0..20).map(|_| get(address, "/who").unwrap().text()).collect();
            (answers.len() == 2).then_some(())
        });
    }
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// `[::]` is for IPv6 only, whatever the system says, and for both with `v6only = false`.
#[test]
fn ipv6_is_for_ipv6_only_unless_it_is_not() {
    for v6only in ["true", "false"] {
        let program = fixture()
            .env("RUNNER_SERVER_WEB__BIND", "[::]:0")
            .env("RUNNER_SERVER_WEB__V6ONLY", v6only)
            .spawn()
            .ready();
        let port = program.address("web").port();
        assert_eq!(get(([0, 0, 0, 0, 0, 0, 0, 1], port).into(), "/").unwrap().text(), "hello\n");
        let of_ipv4 = connect(([127, 0, 0, 1], port).into());
        assert_eq!(of_ipv4.is_err(), v6only == "true");
        if v6only == "false" {
            assert_eq!(get(([127, 0, 0, 1], port).into(), "/").unwrap().text(), "hello\n");
            // The port is taken for IPv4 as well.
            assert!(TcpListener::bind(("127.0.0.1", port)).is_err());
        }
    }
}

/// With `accept = "shared"` there is one socket, which every worker has, and it stays the same when
/// the workers are replaced.
#[test]
fn a_shared_address_has_one_socket() {
    let program = fixture()
        .env("RUNNER_SERVER_WEB__ACCEPT", "shared")
        .env("RUNNER_SERVER_WEB__BIND", "127.0.0.1:0,127.0.0.1:0")
        .spawn()
        .ready();
    let check = || {
        let workers = program.workers_of("web");
        assert_eq!(workers.len(), 2);
        let own = listeners(workers[0].pid);
        assert_eq!(own.len(), 2);
        assert_eq!(listeners(workers[1].pid), own);
        let of_echo = listeners(program.workers_of("echo")[0].pid);
        assert_eq!(of_echo.len(), 1);
        assert_eq!(listeners(program.pid()), own.union(&of_echo).copied().collect());
        own
    };
    settle(&program, 1);
    let before = check();
    for address in addresses(&program, "web") {
        assert_eq!(get(address.parse().unwrap(), "/").unwrap().text(), "hello\n");
    }
    program.signal(Signal::SIGUSR2);
    settle(&program, 2);
    assert_eq!(check(), before);
    assert_eq!(program.stop(Signal::SIGQUIT).code, Some(0));
}

/// A worker has the listeners of its server and its slot and no other, whatever they are (P8).
#[test]
fn a_worker_has_its_own_listeners_only() {
    for spawn in ["fork", "exec"] {
        let program = fixture()
            .env("RUNNER_MASTER__SPAWN", spawn)
            .env("RUNNER_SERVER_WEB__BIND", "127.0.0.1:0,./web.sock")
            .env("RUNNER_SERVER_ECHO__BIND", "127.0.0.1:0,./echo.sock")
            .env("RUNNER_SERVER_ECHO__ACCEPT", "shared")
            .env("RUNNER_SERVER_ECHO__WORKERS", "2")
            .spawn()
            .ready();
        let [web, echo] = ["web.sock", "echo.sock"].map(|name| {
            let path = program.directory().join(name);
            let path = path.canonicalize().unwrap();
            unix_listener(&path)
        });
        let of_master = sockets(program.pid());
        let mut slots = BTreeSet::new();
        for worker in program.wait_for_workers(4, 1) {
            let inherited: BTreeSet<_> =
                sockets(worker.pid).intersection(&of_master).copied().collect();
            assert_eq!(inherited.len(), 2, "{spawn} {worker:?}");
            let own = if worker.server() == "web" { web } else { echo };
            assert!(inherited.contains(&own), "{spawn} {worker:?}");
            slots.extend(inherited.iter().filter(|inode| **inode != own).copied());
        }
        // Two slots of `web`, and the one that `echo` shares.
        assert_eq!(slots.len(), 3, "{spawn}");
        let path = program.directory().join("echo.sock");
        let mut stream = UnixStream::connect(path).unwrap();
        crate::listeners_unix::echoes(&mut stream);
        assert_eq!(Raw::sending(program.address("echo"), b"close").take(3), b"bye");
        assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
    }
}

/// Two servers want one port, or one of them all interfaces: an error with both origins, and not
/// the refusal of the kernel.
#[test]
fn servers_that_want_the_same_are_told() {
    let address = free_address();
    let wide = format!("0.0.0.0:{}", address.port());
    let ended = fixture()
        .env("RUNNER_SERVER_WEB__BIND", &address.to_string())
        .args(&[&format!("--server.echo.bind={address}")])
        .run();
    assert_eq!(ended.code, Some(2), "{}", ended.text());
    let expected = format!(
        "server.echo.bind: `{address}` is bound by `server.web` too, from RUNNER_SERVER_WEB__BIND \
         (from --server.echo.bind)"
    );
    assert!(ended.says(&expected), "{}", ended.text());

    let ended = fixture()
        .env("RUNNER_SERVER_WEB__BIND", &wide)
        .args(&[&format!("--server.echo.bind={address}")])
        .run();
    assert_eq!(ended.code, Some(2), "{}", ended.text());
    let expected = format!(
        "server.echo.bind: `{address}` cannot be had beside `{wide}` of `server.web`, from \
         RUNNER_SERVER_WEB__BIND (from --server.echo.bind)"
    );
    assert!(ended.says(&expected), "{}", ended.text());
}

/// Who has the address is part of the error.
#[test]
fn an_address_in_use_names_its_holder() {
    let other = fixture().spawn().ready();
    let taken = other.address("web").to_string();
    for accept in ["slots", "shared"] {
        let ended = Program::new(FIXTURE)
            .env("RUNNER_SERVER_WEB__BIND", &taken)
            .env("RUNNER_SERVER_WEB__ACCEPT", accept)
            .run();
        assert_eq!(ended.code, Some(1), "{}", ended.text());
        let expected = format!(
            "server.web.bind: cannot listen on {taken}: another program listens there already: \
             `fixture: master`, pid {} (from RUNNER_SERVER_WEB__BIND)",
            other.pid()
        );
        assert!(ended.says(&expected), "{}", ended.text());
    }
}

/// What a server listens on, as the start shows it.
pub(crate) fn addresses(program: &Program, server: &str) -> Vec<String> {
    let line = program.wait_for(&format!("server=\"{server}\""));
    let (_, addresses) = line.split_once("listening on ").expect("a line of the start-up table");
    let (addresses, _) = addresses.split_once(" server=").unwrap_or((addresses, ""));
    addresses.split(", ").map(str::to_owned).collect()
}

/// The inode of the socket that listens at a path. See proc_net_unix in proc(5).
pub(crate) fn unix_listener(path: &Path) -> u64 {
    let table = std::fs::read_to_string("/proc/net/unix").unwrap();
    let end = format!(" {}", path.display());
    let listens = |line: &&str| line.split_whitespace().nth(3) == Some("00010000");
    let line = table.lines().filter(listens).find(|line| line.ends_with(&end));
    let inode = line.and_then(|line| line.split_whitespace().nth(6));
    inode.expect("a socket that listens there").parse().unwrap()
}
