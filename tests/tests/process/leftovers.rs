//! What is left of old workers and of the life of the master: after many reloads nothing more than
//! after few, and after a drain nobody.

use crate::losses::{reload, times};
use crate::start_stop::await_request;
use crate::{fixture, settle, with_pid_file};
use nix::sys::signal::Signal;
use runner_tests::{Raw, connect, descriptors, eventually, get_on, is_alive, memory, pattern};
use std::collections::BTreeSet;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// An answer that does not fit into the buffers of both sides.
const LARGE: usize = 8 << 20;

/// 500 reloads take neither descriptors nor memory of the master (P18).
#[test]
fn reloads_take_nothing_of_the_master() {
    // What is made when it is first needed, and the record of ended workers, which has a limit.
    const FIRST: u32 = 40;
    // Less than a page for each reload.
    const NOISE: u64 = 160 << 10;
    let program = with_pid_file().spawn().ready();
    let last = 1 + FIRST + u32::try_from(times(50)).unwrap();
    let mut before = None;
    for generation in 2..=last {
        reload(&program, generation);
        settle(&program, generation);
        if generation == 1 + FIRST {
            before = Some((descriptors(program.pid()).len(), memory(program.pid())));
        }
    }
    let (had, used) = before.expect("more reloads than the first");
    let (has, uses) = (descriptors(program.pid()), memory(program.pid()));
    assert_eq!(has.len(), had, "{has:?}");
    println!("{} KiB after {FIRST} reloads, {} after {last}", used >> 10, uses >> 10);
    assert!(uses <= used + NOISE, "{used} bytes after {FIRST} reloads, {uses} after {last}");
}

/// Old workers go by the deadline of their drain, whatever their clients hold on to: answers that
/// nobody reads, connections on which nothing or always something happens (P19).
#[test]
fn old_workers_leave_by_their_deadline() {
    const DEADLINE: Duration = Duration::from_secs(1);
    const RELOADS: u32 = 20;
    let start =
        fixture().args(&["--server.web.drain_timeout=1s", "--server.echo.drain_timeout=1s"]);
    let program = start.spawn().ready();
    let (web, echo) = (program.address("web"), program.address("echo"));
    let mut held = Vec::new();
    for generation in 2..=1 + RELOADS {
        held.push(Raw::sending(web, format!("GET /pattern?{LARGE} HTTP/1.1\r\nHost: t\r\n\r\n")));
        held.push(Raw::sending(web, "GET / HTTP/1.1\r\nHo"));
        held.push(Raw::to(web));
        held.push(Raw::to(echo));
        reload(&program, generation);
    }
    let began = Instant::now();
    let chatter = AtomicBool::new(true);
    thread::scope(|scope| {
        for mut raw in held.drain(..) {
            let chatter = &chatter;
            scope.spawn(move || {
                while chatter.load(Ordering::Relaxed) && raw.try_send("x").is_ok() {
                    thread::park_timeout(Duration::from_millis(20));
                }
            });
        }
        eventually("few generations are left", || {
            let workers = program.workers();
            let generation =
                |title: &str| title.rsplit_once('/')?.1.split(' ').next()?.parse().ok();
            let left = workers.iter().filter_map(|worker| generation(&worker.title));
            (left.collect::<BTreeSet<u32>>().len() <= 2).then_some(())
        });
        settle(&program, 1 + RELOADS);
        chatter.store(false, Ordering::Relaxed);
    });
    let took = began.elapsed();
    println!("gone {took:?} after the last reload");
    assert!(took < 3 * DEADLINE, "{took:?}");
    assert_eq!(program.count("SIGKILL"), 0, "{:?}", program.output());
}

/// At every moment the pid file is there, whole, and has the number of a master that lives (P24).
#[test]
fn the_pid_file_has_no_gap() {
    let program = with_pid_file().spawn().ready();
    let path = program.directory().join("app.pid");
    let own = format!("{}\n", program.pid());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut looks = 0;
            while !done.load(Ordering::Relaxed) {
                let text = std::fs::read_to_string(&path).unwrap_or_else(|error| error.to_string());
                if text != own || !is_alive(program.pid()) {
                    return Err(text);
                }
                looks += 1;
                thread::park_timeout(Duration::from_millis(1));
            }
            Ok(looks)
        });
        for (generation, hang_ups) in (2..=u32::try_from(times(100)).unwrap()).zip(1..) {
            program.signal(Signal::SIGHUP);
            program.wait_for_nth("log files reopened", hang_ups);
            reload(&program, generation);
        }
        done.store(true, Ordering::Relaxed);
        let looks = watch.join().expect("no panic");
        println!("looked {looks:?} times");
        assert!(looks.is_ok_and(|looks: usize| looks > 100), "it was seen to be otherwise");
    });
}

/// A drain ends in time with clients of all kinds, and none of those who are being answered gets
/// less, or a reset (P61).
#[test]
fn a_drain_ends_and_resets_nobody() {
    const DEADLINE: Duration = Duration::from_secs(3);
    let start =
        fixture().args(&["--server.web.drain_timeout=3s", "--server.echo.drain_timeout=3s"]);
    let program = start.spawn().ready();
    let (web, echo) = (program.address("web"), program.address("echo"));
    let large = format!("GET /pattern?{LARGE} HTTP/1.1\r\nHost: t\r\n\r\n");
    let mut idle = connect(web).unwrap();
    get_on(&mut idle, "/").unwrap();
    let silent = Raw::to(echo);
    let _stalled = Raw::sending(web, &large);
    let _half = Raw::sending(web, "GET / HTTP/1.1\r\nHo");
    let mut streaming = Raw::sending(web, &large);
    let head = streaming.head();
    let active = [
        Raw::sending(web, "GET /slow?1000 HTTP/1.1\r\nHost: t\r\n\r\n"),
        Raw::sending(echo, "slow"),
    ];
    await_request(&program);
    let workers = program.workers();
    program.signal(Signal::SIGQUIT);
    let began = Instant::now();
    program.wait_for_nth("hook drain", 2);
    for raw in active {
        let rest = raw.rest();
        assert_eq!(rest.error, None, "{}", rest.text());
        assert!(rest.text().contains("slow"), "{}", rest.text());
    }
    let rest = silent.rest();
    assert_eq!((rest.error, rest.bytes.len()), (None, 0));
    assert_eq!(idle.read(&mut [0]).expect("the end"), 0);
    let rest = streaming.rest();
    assert!(rest.error.is_none() && rest.bytes == pattern(LARGE), "{head}: {:?}", rest.error);
    let ended = program.finish();
    assert_eq!(ended.code, Some(0), "{}", ended.text());
    assert!(began.elapsed() < 2 * DEADLINE, "{:?}", began.elapsed());
    assert!(!ended.says("SIGKILL"), "{}", ended.text());
    crate::assert_gone(workers.iter().map(|worker| worker.pid));
}
