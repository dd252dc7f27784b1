//! Connections that wait where nobody takes them: somebody else does.

use crate::fixture;
use nix::sys::signal::Signal;
use runner_tests::{Program, Raw, connect, eventually, get_on};
use std::collections::BTreeMap;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Far less than it would take without help, which is for ever.
const SOON: Duration = Duration::from_secs(10);

const WHO: &str = "GET /who HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

/// What waits in the queue of a worker that is killed is answered by the other one, although the
/// slot itself stays empty.
#[test]
fn the_queue_of_an_empty_slot_is_answered_by_a_sibling() {
    let program = fixture().spawn().ready();
    let web = program.address("web");
    let [stopped, sibling] = program.workers_of("web").try_into().expect("two workers");
    stopped.signal(Signal::SIGSTOP);
    let waiting: Vec<_> = (0..40).map(|_| Raw::sending(web, WHO)).collect();
    // Nobody comes in its place.
    std::fs::write(program.directory().join("fixture_worker"), "abort").unwrap();
    let began = Instant::now();
    stopped.signal(Signal::SIGKILL);
    for raw in waiting {
        let rest = raw.rest();
        assert_eq!(rest.error, None);
        let who = rest.text();
        assert!(who.contains(&format!("\r\n\r\n{} ", sibling.pid)), "{who}");
    }
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// A client that connects and says nothing reaches the queue of its slot only after a second
/// (`TCP_DEFER_ACCEPT`); by then there is no worker any more.
#[test]
fn who_comes_late_to_an_empty_slot_is_answered_by_a_sibling() {
    let program = fixture().spawn().ready();
    let web = program.address("web");
    let mut late: Vec<_> = (0..20).map(|_| connect(web).expect("a listener")).collect();
    std::fs::write(program.directory().join("fixture_worker"), "abort").unwrap();
    let [killed, sibling] = program.workers_of("web").try_into().expect("two workers");
    killed.signal(Signal::SIGKILL);
    program.wait_for("waiting before the next try");
    for stream in &mut late {
        stream.set_read_timeout(Some(SOON)).unwrap();
        assert!(who(stream).starts_with(&format!("{} ", sibling.pid)));
    }
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// A worker at its limit leaves connections to one that is not. Only when all are full somebody is
/// told so, and when there is room again nobody is.
#[test]
fn only_when_all_are_full_is_anybody_told() {
    for accept in ["slots", "shared"] {
        let program = fixture()
            .env("RUNNER_SERVER_WEB__MAX_CONNECTIONS", "8")
            .env("RUNNER_SERVER_WEB__ACCEPT", accept)
            .spawn()
            .ready();
        for _ in 0..3 {
            let open = fill(&program, 16);
            for _ in 0..3 {
                assert_eq!(ask(&program).1, 503, "{accept}: all are full");
            }
            drop(open);
            eventually("there is room again", || (ask(&program).1 == 200).then_some(()));
        }
        assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
    }
}

/// Opens as many connections as there is room for, none of which may be refused.
fn fill(program: &Program, connections: usize) -> Vec<TcpStream> {
    let mut open = Vec::new();
    let mut workers = BTreeMap::new();
    while open.len() < connections {
        let (stream, status, worker) = ask_for(program, "/who");
        assert_eq!(status, 200, "there is room in one of {workers:?}");
        *workers.entry(worker).or_insert(0) += 1;
        open.push(stream);
    }
    assert_eq!(workers.values().collect::<Vec<_>>(), [&8, &8], "{workers:?}");
    open
}

fn ask(program: &Program) -> (TcpStream, u16) {
    let (stream, status, _) = ask_for(program, "/");
    (stream, status)
}

fn ask_for(program: &Program, path: &str) -> (TcpStream, u16, String) {
    let mut stream = connect(program.address("web")).expect("a listener");
    stream.set_read_timeout(Some(SOON)).unwrap();
    let reply = get_on(&mut stream, path).expect("an answer, soon");
    let first_word = reply.text().split(' ').next().unwrap_or_default().to_owned();
    (stream, reply.status, first_word)
}

fn who(stream: &mut TcpStream) -> String {
    get_on(stream, "/who").expect("an answer, soon").text()
}
