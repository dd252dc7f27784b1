//! What happens to the workers, by what clients do meanwhile: each kind of client at each kind of
//! event, and what of it may be lost (P14).

use crate::doomed::Doomed;
use crate::with_pid_file;
use nix::sys::signal::Signal;
use runner::Address;
use runner_tests::{
    Buckets, Crowd, Failure, Outcome, Program, Raw, Shape, Worker, children_of, eventually, get,
    is_alive, state_of,
};
use std::time::{Duration, Instant};

/// How the workers share an address.
const ACCEPT: &[&str] = &["slots", "shared"];

/// The kinds of clients of the server `web`, and how many there are of each.
const WEB: &[(Shape, usize)] = &[
    (Shape::PerRequest, 3),
    (Shape::Busy, 3),
    (Shape::IdleShortly, 8),
    (Shape::IdleLong, 4),
    (Shape::Silent, 8),
    (Shape::HalfSent, 4),
    (Shape::Large, 3),
    (Shape::Pipelined, 2),
];

/// The same for its unix socket.
const UNIX: &[(Shape, usize)] = &[
    (Shape::PerRequest, 2),
    (Shape::Busy, 1),
    (Shape::IdleShortly, 4),
    (Shape::Silent, 4),
    (Shape::HalfSent, 2),
    (Shape::Large, 1),
];

/// The same for `echo`.
const ECHO: &[(Shape, usize)] = &[(Shape::Tcp, 2), (Shape::TcpBusy, 2)];

/// How many workers there are of `web` and `echo`.
const WORKERS: usize = 3 + 2;

/// Workers are replaced one by one, and nobody notices.
#[test]
fn a_reload_loses_nothing() {
    check("reload", 2, |program| {
        program.signal(Signal::SIGUSR2);
        settle(program, WORKERS, 2);
        Doomed::default()
    });
}

/// Workers are replaced at once: their connections break, and those that wait do not.
#[test]
fn a_restart_breaks_the_connections_of_the_workers() {
    check("restart", 2, |program| {
        let doomed = Doomed::by(&program.workers(), |workers| {
            program.signal(Signal::SIGUSR1);
            await_end(workers);
        });
        settle(program, WORKERS, 2);
        doomed
    });
}

/// Whose options were changed in the file is replaced, and nobody else.
#[test]
fn a_changed_file_loses_nothing() {
    check("changed file", 2, |program| {
        let echo = program.workers_of("echo");
        let file = "[master]\npid_file = \"app.pid\"\n[server.web]\nkeep_alive = \"50s\"\n";
        std::fs::write(program.directory().join("runner.toml"), file).unwrap();
        program.signal(Signal::SIGHUP);
        eventually("the workers of `web` are replaced", || {
            let workers = program.workers_of("web");
            let replaced = workers.iter().all(|worker| worker.serves_since(2));
            (replaced && children_of(program.pid()).len() == WORKERS).then_some(())
        });
        assert_eq!(program.workers_of("echo"), echo);
        Doomed::default()
    });
}

/// The master goes on as another image of its program, which replaces the workers one by one.
#[test]
fn an_upgrade_loses_nothing() {
    check("upgrade", 2, |program| {
        let upgrade = program.verb(&["upgrade"]);
        assert_eq!(upgrade.code, Some(0), "{}", upgrade.text());
        settle(program, WORKERS, 2);
        Doomed::default()
    });
}

#[test]
fn more_workers_lose_nothing() {
    check("scale up", 1, |program| {
        program.signal(Signal::SIGTTIN);
        settle(program, WORKERS + 2, 1);
        Doomed::default()
    });
}

#[test]
fn fewer_workers_lose_nothing() {
    check("scale down", 1, |program| {
        program.signal(Signal::SIGTTOU);
        settle(program, WORKERS - 2, 1);
        Doomed::default()
    });
}

/// The connections of a worker that is killed break; not those in its queue, and nobody else's (P1).
#[test]
fn a_killed_worker_breaks_its_own_connections() {
    check("kill", 1, |program| {
        let victims = ["web", "echo"].map(|server| program.workers_of(server).swap_remove(0));
        // Stopped first, so that it is known that nothing in their queues has become theirs.
        let doomed = Doomed::by(&victims, |victims| {
            for victim in victims {
                victim.signal(Signal::SIGSTOP);
                eventually("it is stopped", || (state_of(victim.pid) == Some('T')).then_some(()));
            }
        });
        let waiting = ask(program);
        for victim in &victims {
            victim.signal(Signal::SIGKILL);
        }
        await_end(&victims);
        settle(program, WORKERS, 1);
        assert_answered(waiting);
        doomed
    });
}

/// Who has connected and asked is answered before the program ends: those in the queue of a worker,
/// too. Who comes later finds nobody, and so may who has connected and not asked.
#[test]
fn a_stop_answers_all_who_have_asked() {
    /// How long it takes a client at most to ask when it has begun to connect.
    const ASKED: Duration = Duration::from_millis(100);
    for accept in ACCEPT {
        let mut program = start(accept);
        let crowd = crowd(&program, |shape| shape != Shape::Silent);
        let last = crowd.during(|| {
            let busy = program.workers_of("web").swap_remove(0);
            busy.signal(Signal::SIGSTOP);
            let waiting = ask(&program);
            let last = Instant::now();
            eventually("they have asked", || (last.elapsed() > ASKED).then_some(()));
            program.signal(Signal::SIGQUIT);
            program.wait_for_nth("hook drain", 2);
            busy.signal(Signal::SIGCONT);
            assert_eq!(program.wait().code(), Some(0));
            assert_answered(waiting);
            last
        });
        assert_only(&format!("stop, {accept}"), &crowd.disperse(), |failure| last < failure.began);
    }
}

/// Lets something happen to a program that is at work, and asserts that nothing is lost but what it
/// may cost, and that workers of the newest generation answer afterwards.
fn check(what: &str, newest: u32, event: impl Fn(&Program) -> Doomed) {
    for accept in ACCEPT {
        let program = start(accept);
        let crowd = crowd(&program, |_| true);
        let doomed = crowd.during(|| event(&program));
        let answered = crowd.answered();
        eventually("it goes on", || (answered + 200 < crowd.answered()).then_some(()));
        let what = format!("{what}, {accept}");
        assert_only(&what, &crowd.disperse(), |failure| doomed.permits(failure));
        for _ in 0..50 {
            let answer = get(program.address("web"), "/who").expect("an answer").text();
            assert!(answer.ends_with(&format!(" {newest}\n")), "{what}: {answer}");
        }
        assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
    }
}

fn start(accept: &str) -> Program {
    let start = with_pid_file();
    let socket = start.directory().join("web.sock");
    let options = [
        ("RUNNER_SERVER_WEB__BIND", format!("127.0.0.1:0,unix:{}", socket.display())),
        ("RUNNER_SERVER_WEB__WORKERS", "3".to_owned()),
        ("RUNNER_SERVER_WEB__ACCEPT", accept.to_owned()),
        ("RUNNER_SERVER_ECHO__WORKERS", "2".to_owned()),
        ("RUNNER_SERVER_ECHO__ACCEPT", accept.to_owned()),
    ];
    let start = options.iter().fold(start, |start, (option, value)| start.env(option, value));
    let program = start.spawn().ready();
    program.wait_for_workers(WORKERS, 1);
    program
}

fn crowd(program: &Program, joins: impl Fn(Shape) -> bool) -> Crowd {
    let [web, echo] = ["web", "echo"].map(|server| Address::Ip(program.address(server)));
    let unix = Address::Unix(program.directory().join("web.sock"));
    let web = WEB.iter().map(|(shape, count)| (*shape, &web, *count));
    let unix = UNIX.iter().map(|(shape, count)| (*shape, &unix, *count));
    let echo = ECHO.iter().map(|(shape, count)| (*shape, &echo, *count));
    let members = web.chain(unix).chain(echo).filter(|(shape, ..)| joins(*shape));
    Crowd::gather(&members.collect::<Vec<_>>())
}

fn assert_only(what: &str, buckets: &Buckets, permitted: impl Fn(&Failure) -> bool) {
    println!("{what}:\n{buckets}");
    buckets.assert_only(what, |client, failure| {
        may_find_it_closed(client, failure) || permitted(failure)
    });
}

/// Requests on so many connections that of each worker some are in its queue.
fn ask(program: &Program) -> Vec<Raw> {
    let request = "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    (0..32).map(|_| Raw::sending(program.address("web"), request)).collect()
}

fn assert_answered(waiting: Vec<Raw>) {
    for raw in waiting {
        let rest = raw.rest();
        assert!(rest.text().ends_with("\r\n\r\nhello\n"), "{rest:?}");
    }
}

/// Who is silent for longer than a drain leaves an idle connection open finds it closed in an orderly
/// way, and may ask again (RFC 9112, 9.3.1). A tcp server has no way to announce it.
fn may_find_it_closed(client: &str, failure: &Failure) -> bool {
    let expects_it = [Shape::IdleLong, Shape::TcpBusy].map(Shape::name).contains(&client);
    expects_it && failure.outcome == Outcome::ClosedReused
}

/// Waits until there are `count` workers, of `generation`, and no other child.
fn settle(program: &Program, count: usize, generation: u32) {
    eventually("only the newest workers are left", || {
        let workers = program.wait_for_workers(count, generation);
        (children_of(program.pid()).len() == workers.len()).then_some(())
    });
}

fn await_end(workers: &[Worker]) {
    eventually("the workers are gone", || {
        workers.iter().all(|worker| !is_alive(worker.pid)).then_some(())
    });
}
