//! Starting in the foreground, and every way to stop.

use crate::{WORKERS, assert_gone, fixture, with_pid_file};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use runner_tests::{Program, children_of, connect, eventually, get, get_on, read_reply};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

/// Far longer than any stop that does not wait, far shorter than what it must not wait for.
const SOON: Duration = Duration::from_secs(15);

/// INT and TERM end everything at once, whatever is open or in flight: the workers, then the pid
/// file, then the master, with success (R12, B2, B3).
#[test]
fn int_and_term_stop_now() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let program = with_pid_file().spawn().ready();
        let web = program.address("web");
        let mut idle = connect(web).unwrap();
        assert_eq!(get_on(&mut idle, "/").unwrap().status, 200);
        let mut busy = connect(web).unwrap();
        busy.write_all(b"GET /slow?60000 HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        let workers = program.wait_for_workers(WORKERS, 1);
        let pid = program.pid();
        let began = Instant::now();
        let ended = program.stop(signal);
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        assert_eq!(ended.code, Some(0), "{}", ended.text());
        assert_gone(workers.iter().map(|worker| worker.pid).chain([pid]));
        assert!(!ended.directory().join("app.pid").exists());
        assert!(connect(web).is_err(), "somebody still listens");
    }
}

/// A stop of any kind ends idle workers long before a deadline: nobody waits for a poll.
#[test]
fn an_idle_program_stops_without_delay() {
    for signal in [Signal::SIGTERM, Signal::SIGQUIT] {
        let program = fixture().spawn().ready();
        let began = Instant::now();
        assert_eq!(program.stop(signal).code, Some(0));
        println!("{signal}: stopped in {:?}", began.elapsed());
        assert!(began.elapsed() < Duration::from_secs(3));
    }
}

/// `term = "graceful"` makes TERM drain; INT stays what it is.
#[test]
fn term_drains_when_so_configured() {
    let program = fixture().env("RUNNER_MASTER__TERM", "graceful").spawn().ready();
    let mut busy = connect(program.address("web")).unwrap();
    busy.write_all(b"GET /slow?1000 HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    await_request(&program);
    program.signal(Signal::SIGTERM);
    let reply = read_reply(&mut busy).unwrap();
    assert_eq!((reply.text().as_str(), reply.closes()), ("slow\n", true));
    assert_eq!(program.finish().code, Some(0));
}

/// QUIT and USR2 lose nothing that is in flight: a request that takes 2 s is answered, and a
/// response of 20 MB arrives whole at a client that reads slowly (R13, R15, R18, B1).
#[test]
fn what_is_in_flight_survives_quit_and_reload() {
    const SIZE: usize = 20_000_000;
    for signal in [Signal::SIGQUIT, Signal::SIGUSR2] {
        let program = fixture().spawn().ready();
        let web = program.address("web");
        let mut slow = connect(web).unwrap();
        slow.write_all(b"GET /slow?2000 HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        let mut big = connect(web).unwrap();
        write!(big, "GET /big?{SIZE} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        let mut received = vec![0; 100_000];
        big.read_exact(&mut received).unwrap();
        await_request(&program);
        program.signal(signal);
        program.wait_for_nth("hook drain", 2);
        let began = Instant::now();
        let reply = read_reply(&mut slow).unwrap();
        assert_eq!((reply.text().as_str(), reply.closes()), ("slow\n", true));
        big.read_to_end(&mut received).unwrap();
        let body = received.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        assert_eq!(received.len() - body, SIZE, "{signal}");
        if signal == Signal::SIGQUIT {
            assert_eq!(program.finish().code, Some(0));
        } else {
            crate::settle(&program, 2);
        }
        // The deadline of the drain, 30 s, has not been needed.
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    }
}

/// A handler that blocks its whole worker holds up a graceful stop until the deadline of the
/// drain, and a stop until its short grace; then it is killed (B3, B47).
#[test]
fn a_hung_handler_holds_up_no_stop() {
    for (signal, drain_timeout) in [(Signal::SIGQUIT, "300ms"), (Signal::SIGTERM, "60s")] {
        let program = hung(drain_timeout);
        let began = Instant::now();
        let ended = program.stop(signal);
        assert!(began.elapsed() < SOON, "{signal}: {:?}", began.elapsed());
        assert!(ended.says("told to, but not in time, SIGKILL"), "{}", ended.text());
        assert_eq!(ended.code, Some(0));
    }
}

/// User code that goes on, in `worker_stop`, a task or a thread, has its time and no more; the log
/// says what was left (P51).
#[test]
fn user_code_that_goes_on_holds_up_no_stop() {
    for signal in [Signal::SIGTERM, Signal::SIGQUIT] {
        let program = fixture()
            .env("FIXTURE_STOP", "hang")
            .env("RUNNER_SERVER_WEB__DRAIN_TIMEOUT", "1s")
            .spawn()
            .ready();
        let began = Instant::now();
        let ended = program.stop(signal);
        assert!(began.elapsed() < SOON, "{signal}: {:?}", began.elapsed());
        assert_eq!(ended.code, Some(0), "{}", ended.text());
        assert!(ended.says("`worker_stop` took too long"), "{}", ended.text());
    }
}

/// A further signal while the program stops makes it faster: drain, stop, kill.
#[test]
fn each_further_signal_makes_a_stop_faster() {
    let program = fixture().env("RUNNER_SERVER_WEB__DRAIN_TIMEOUT", "10m").spawn().ready();
    let mut busy = connect(program.address("web")).unwrap();
    busy.write_all(b"GET /slow?600000 HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    await_request(&program);
    program.signal(Signal::SIGQUIT);
    program.wait_for_nth("hook drain", 2);
    let began = Instant::now();
    assert_eq!(program.stop(Signal::SIGQUIT).code, Some(0));
    assert!(began.elapsed() < SOON);

    let program = hung("10m");
    program.signal(Signal::SIGQUIT);
    program.wait_for_nth("signal received", 1);
    program.signal(Signal::SIGQUIT);
    program.wait_for_nth("signal received", 2);
    let began = Instant::now();
    let ended = program.stop(Signal::SIGQUIT);
    println!("killed after {:?}", began.elapsed());
    assert!(began.elapsed() < SOON);
    assert!(ended.says("SIGKILL"), "{}", ended.text());
}

/// Ctrl-C reaches the whole foreground group. Only the master acts on it, so every worker still
/// stops in order, once (B46).
#[test]
fn an_interrupt_of_the_whole_group_is_a_clean_stop() {
    let program = fixture()
        .with(|command| {
            command.process_group(0);
        })
        .spawn()
        .ready();
    kill(Pid::from_raw(-program.pid()), Signal::SIGINT).unwrap();
    let ended = program.finish();
    assert_eq!(ended.code, Some(0));
    let stops = ended.lines.iter().filter(|line| line.contains("hook worker_stop"));
    assert_eq!(stops.count(), 2, "{}", ended.text());
    assert!(!ended.says("crashed"), "{}", ended.text());
}

/// A closed terminal ends nothing, neither the master nor a worker (B42). A resized one neither.
#[test]
fn a_hangup_is_ignored() {
    let program = fixture().spawn().ready();
    let before = program.wait_for_workers(WORKERS, 1);
    for pid in before.iter().map(|worker| worker.pid).chain([program.pid()]) {
        for signal in [Signal::SIGHUP, Signal::SIGWINCH] {
            kill(Pid::from_raw(pid), signal).unwrap();
        }
    }
    program.wait_for("log files reopened files=0");
    assert_eq!(get(program.address("web"), "/").unwrap().status, 200);
    assert_eq!(program.workers(), before);
}

/// A stop is heard while workers are still in their constructor (P38).
#[test]
fn a_stop_during_the_start_is_heard() {
    for signal in [Signal::SIGTERM, Signal::SIGQUIT] {
        for kind in ["sleep", "block"] {
            let program = fixture().env("FIXTURE_WORKER", kind).spawn();
            program.wait_for_nth("hook worker_start", 2);
            let began = Instant::now();
            let ended = program.stop(signal);
            assert!(began.elapsed() < SOON, "{kind}: {:?}", began.elapsed());
            assert_eq!(ended.code, Some(0), "{}", ended.text());
            assert!(!ended.says("hook start "), "{}", ended.text());
        }
    }
}

/// A stop at any moment of the start leaves no process behind, be it before the master reads its
/// signals or between a fork and the first instruction of the worker (P20, P21).
#[test]
fn a_stop_at_any_moment_of_the_start_leaves_nothing() {
    for step in 0..30 {
        let program = fixture().spawn();
        let began = Instant::now();
        let delay = Duration::from_micros(step * 700);
        while began.elapsed() < delay {
            std::hint::spin_loop();
        }
        program.signal(Signal::SIGTERM);
        // Ends only when nothing holds the streams any more.
        let ended = program.finish();
        // Before its own signals are set up, TERM ends it as it ends any process.
        assert!(matches!(ended.code, None | Some(0)), "{}", ended.text());
    }
}

/// As the first process of a container it is signalled and supervises like anywhere else (P33).
#[test]
fn runs_as_the_first_process_of_a_container() {
    let executable = crate::FIXTURE;
    let program = Program::new("unshare")
        .args(&["--pid", "--fork", "--kill-child", "--mount-proc", executable])
        .spawn();
    let ready = eventually("the program is ready or refused", || {
        if program.count(" ready pid=1") > 0 {
            return Some(true);
        }
        (program.count("unshare failed") > 0).then_some(false)
    });
    if !ready {
        println!("skipped: this user may not make a pid namespace");
        return;
    }
    let master = children_of(program.pid())[0];
    let victim = runner_tests::workers_of(master)[0].clone();
    victim.signal(Signal::SIGKILL);
    program.wait_for_nth("worker ready", WORKERS + 1);
    kill(Pid::from_raw(master), Signal::SIGTERM).unwrap();
    let ended = program.finish();
    assert!(ended.says("hook stop"), "{}", ended.text());
    assert_eq!(ended.code, Some(0), "{}", ended.text());
}

/// A program one of whose workers is stuck in a handler.
fn hung(drain_timeout: &str) -> Program {
    let program = fixture().env("RUNNER_SERVER_WEB__DRAIN_TIMEOUT", drain_timeout).spawn().ready();
    let mut stuck = connect(program.address("web")).unwrap();
    stuck.write_all(b"GET /block HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    program.wait_for("blocking");
    program
}

/// Waits until what was sent before has surely been accepted: each worker answers a request that
/// came later.
pub(crate) fn await_request(program: &Program) {
    let mut seen = std::collections::BTreeSet::new();
    let web = program.address("web");
    eventually("both workers answer", || {
        let reply = get(web, "/who").expect("an answer").text();
        seen.insert(reply);
        (seen.len() >= 2).then_some(())
    });
}
