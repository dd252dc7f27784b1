//! Unix sockets: who may connect, whose file it is, and who removes it.

use crate::listeners::{addresses, unix_listener};
use crate::{FIXTURE, fixture};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use runner_tests::{Program, Start, eventually, wait_until_gone};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

/// A relative path starts where the program was started; only the owner may connect; the file goes
/// with the program, and not with a worker.
#[test]
fn a_path_is_served_and_removed() {
    for stop in [Signal::SIGTERM, Signal::SIGQUIT] {
        let program = at("./web.sock").spawn().ready();
        let path = program.directory().join("web.sock");
        assert_eq!(addresses(&program, "web"), [format!("unix:{}", path.display())]);
        assert_eq!(mode_of(&path), 0o600);
        assert!(get_at(&path, "/").ends_with("hello\n"));
        let workers = program.workers_of("web");
        workers[0].signal(Signal::SIGKILL);
        workers[1].signal(Signal::SIGTERM);
        program.wait_for_nth("worker ready", 5);
        let inode = unix_listener(&path);
        program.signal(Signal::SIGUSR2);
        program.wait_for("reload finished");
        assert_eq!(unix_listener(&path), inode);
        eventually("the new generation answers", || {
            get_at(&path, "/who").ends_with(" 2\n").then_some(())
        });
        assert_eq!(program.stop(stop).code, Some(0));
        assert!(!path.exists());
    }
}

/// Raw connections work as over TCP.
#[test]
fn bytes_go_both_ways() {
    let program = fixture().env("RUNNER_SERVER_ECHO__BIND", "./echo.sock").spawn().ready();
    let mut stream = UnixStream::connect(program.directory().join("echo.sock")).unwrap();
    echoes(&mut stream);
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// Mode and owner hold when the first connection is possible, whatever the umask is.
#[test]
fn nobody_connects_before_mode_and_owner_are_set() {
    let is_root = Uid::effective().is_root();
    for mode in ["660", "666", "600"] {
        let mut start = at("./web.sock")
            .env("RUNNER_SERVER_WEB__MODE", mode)
            .env("RUNNER_MASTER__UMASK", "077");
        if is_root {
            start = start
                .env("RUNNER_SERVER_WEB__OWNER", "nobody")
                .env("RUNNER_SERVER_WEB__GROUP_OWNER", "1234");
        } else {
            println!("the owner is left out: this takes root");
        }
        let path = start.directory().join("web.sock");
        let program = start.spawn();
        eventually("it listens", || UnixStream::connect(&path).ok());
        let there = std::fs::metadata(&path).unwrap();
        assert_eq!(format!("{:o}", there.mode() & 0o777), mode);
        if is_root {
            let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
            assert_eq!((there.uid(), there.gid()), (nobody.uid.as_raw(), 1234));
        }
        let program = program.ready();
        assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
    }
}

/// What a killed program has left behind is replaced, as soon as its workers are gone.
#[test]
fn a_stale_file_is_replaced() {
    let program = at("./web.sock").spawn().ready();
    let workers = program.workers();
    kill(Pid::from_raw(program.pid()), Signal::SIGKILL).unwrap();
    for worker in workers {
        wait_until_gone(worker.pid, Duration::from_secs(10));
    }
    let path = program.directory().join("web.sock");
    assert!(std::fs::metadata(&path).unwrap().file_type().is_socket());
    let next = at("./web.sock").beside(&program).spawn().ready();
    assert!(get_at(&path, "/").ends_with("hello\n"));
    assert_eq!(next.stop(Signal::SIGTERM).code, Some(0));
}

/// A socket that somebody listens on is not taken away, also when its queue is full and a
/// connection is answered with EAGAIN (P11, M7).
#[test]
fn a_live_socket_is_left_alone() {
    let program = at("./web.sock").env("RUNNER_SERVER_WEB__BACKLOG", "1").spawn().ready();
    let path = program.directory().join("web.sock");
    let before = std::fs::metadata(&path).unwrap().ino();
    let refused = || {
        let ended = at("./web.sock").beside(&program).run();
        assert_eq!(ended.code, Some(1), "{}", ended.text());
        let holder = format!("listens there already: `fixture: master`, pid {}", program.pid());
        assert!(ended.says(&holder), "{}", ended.text());
        assert_eq!(std::fs::metadata(&path).unwrap().ino(), before);
    };
    refused();
    let workers = program.workers_of("web");
    workers.iter().for_each(|worker| worker.signal(Signal::SIGSTOP));
    let mut waiting = Vec::new();
    while let Some(client) = try_connect(&path) {
        waiting.push(client);
    }
    refused();
    workers.iter().for_each(|worker| worker.signal(Signal::SIGCONT));
    drop(waiting);
    assert!(get_at(&path, "/").ends_with("hello\n"));
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// Whoever has taken over the path keeps it when the program stops (P23).
#[test]
fn the_file_of_a_successor_stays() {
    let old = at("./web.sock").spawn().ready();
    let path = old.directory().join("web.sock");
    std::fs::remove_file(&path).unwrap();
    let new = at("./web.sock").beside(&old).spawn().ready();
    assert_eq!(old.stop(Signal::SIGTERM).code, Some(0));
    assert!(get_at(&path, "/").ends_with("hello\n"));
    assert_eq!(new.stop(Signal::SIGTERM).code, Some(0));
    assert!(!path.exists());
}

/// Of two programs that find the same stale socket at once, one gets it.
#[test]
fn of_simultaneous_starts_one_wins() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("web.sock");
    drop(UnixListener::bind(&path).unwrap());
    let start = || at("./web.sock").in_directory(directory.path()).spawn();
    let mut programs: Vec<_> = (0..4).map(|_| start()).collect();
    for _ in 1..programs.len() {
        let loser = eventually("one has lost", || {
            let lost = |program: &Program| program.count("listens there already") == 1;
            programs.iter().position(lost)
        });
        assert_eq!(programs.swap_remove(loser).finish().code, Some(1));
    }
    let winner = programs.remove(0).ready();
    assert!(get_at(&path, "/").ends_with("hello\n"));
    assert_eq!(winner.stop(Signal::SIGTERM).code, Some(0));
}

/// A start that fails for another reason leaves no socket behind, and no other file is touched.
#[test]
fn a_start_that_fails_leaves_no_socket() {
    let ended = at("./web.sock").env("RUNNER_SERVER_ECHO__BIND", "203.0.113.1:0").run();
    assert_eq!(ended.code, Some(1), "{}", ended.text());
    assert!(!ended.directory().join("web.sock").exists());
    let ended = at("./web.sock").env("FIXTURE_WORKER", "error").run();
    assert_eq!(ended.code, Some(1), "{}", ended.text());
    assert!(!ended.directory().join("web.sock").exists());

    let ended = at("./letter").file("letter", "dear reader").run();
    assert_eq!(ended.code, Some(1), "{}", ended.text());
    assert!(ended.says("it is there, and no socket"), "{}", ended.text());
    assert_eq!(std::fs::read(ended.directory().join("letter")).unwrap(), b"dear reader");

    let ended = at("./nowhere/web.sock").run();
    assert!(ended.says("the directory has to be there"), "{}", ended.text());
    let ended = at("./web.sock").env("RUNNER_SERVER_WEB__OWNER", "nosuchuser").run();
    assert!(ended.says("server.web.owner: there is no user `nosuchuser`"), "{}", ended.text());
    assert!(!ended.directory().join("web.sock").exists());
}

/// An abstract socket has no file, and ends with the last process that has it.
#[test]
fn an_abstract_name_is_served() {
    let name = format!("runner-test-{}", std::process::id());
    let program = at(&format!("@{name}")).spawn().ready();
    assert_eq!(addresses(&program, "web"), [format!("@{name}")]);
    let address = SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap();
    let client = client();
    connect(&client, &address).unwrap();
    assert!(ask(&mut client.into(), "/").ends_with("hello\n"));
    let ended = at(&format!("@{name}")).run();
    assert!(ended.says("listens there already"), "{}", ended.text());
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
    assert!(connect(self::client(), &address).is_err());
}

/// The fixture with `web` at this address.
fn at(address: &str) -> Start {
    Program::new(FIXTURE).env("RUNNER_SERVER_WEB__BIND", address)
}

fn mode_of(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// What an http server answers over a unix socket.
fn get_at(path: &Path, target: &str) -> String {
    ask(&mut UnixStream::connect(path).unwrap(), target)
}

fn ask(stream: &mut UnixStream, target: &str) -> String {
    stream.set_read_timeout(Some(runner_tests::PATIENCE)).unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Asserts that the tcp server at the other end sends back what it gets.
pub(crate) fn echoes(stream: &mut UnixStream) {
    stream.set_read_timeout(Some(runner_tests::PATIENCE)).unwrap();
    stream.write_all(b"over a unix socket").unwrap();
    let mut answer = [0; 18];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"over a unix socket");
}

/// None: the queue is full.
fn try_connect(path: &Path) -> Option<OwnedFd> {
    let client = client();
    rustix::io::ioctl_fionbio(&client, true).unwrap();
    connect(&client, &SocketAddrUnix::new(path).unwrap()).ok().map(|()| client)
}

fn client() -> OwnedFd {
    let flags = SocketFlags::CLOEXEC;
    socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap()
}
