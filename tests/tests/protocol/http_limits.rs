//! Limits of time, number and memory.

use crate::{dawdle, events, serving, worker_of};
use runner_tests::{Raw, connect, eventually, get, get_on, memory};
use std::io::Read;
use std::time::{Duration, Instant};

/// Far less than the limits that must not apply.
const SOON: Duration = Duration::from_secs(6);

/// The shorter of the two limits is kept, whichever it is (B13).
#[test]
fn idle_connections_are_closed_in_time() {
    let program = serving(&["--server.web.keep_alive=300ms", "--server.web.header_timeout=60s"]);
    let mut stream = connect(program.address("web")).unwrap();
    for _ in 0..3 {
        get_on(&mut stream, "/").unwrap();
        dawdle(100);
    }
    get_on(&mut stream, "/").unwrap();
    let began = Instant::now();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    let took = began.elapsed();
    assert!(Duration::from_millis(250) < took && took < SOON, "{took:?}");
    program.wait_for("http close 1");
}

/// A long handler and a reader that takes its time are not idle.
#[test]
fn busy_connections_outlive_the_keep_alive() {
    let program = serving(&["--server.web.keep_alive=200ms", "--server.web.header_timeout=200ms"]);
    let web = program.address("web");
    assert_eq!(get(web, "/slow?1000").unwrap().text(), "slow\n");

    let mut reader = Raw::sending(web, "GET /big?20000000 HTTP/1.1\r\nHost: t\r\n\r\n");
    assert!(reader.head().starts_with("http/1.1 200"));
    for piece in 0..20 {
        if piece % 5 == 0 {
            dawdle(400);
        }
        assert_eq!(reader.take(1_000_000).len(), 1_000_000);
    }

    let head = "POST /upload HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\n";
    let mut sender = Raw::sending(web, head);
    for _ in 0..4 {
        dawdle(300);
        sender.send("x");
    }
    assert!(sender.head().starts_with("http/1.1 200"));
}

/// A head that comes byte by byte ends with its time, on a new connection and on a kept one, and
/// holds nobody up (B13).
#[test]
fn slow_heads_are_cut_off() {
    let program = serving(&["--server.web.header_timeout=500ms"]);
    let web = program.address("web");
    for kept in [false, true] {
        let mut slow = Raw::to(web);
        if kept {
            get_on(slow.stream(), "/").unwrap();
        }
        let began = Instant::now();
        slow.send("GET / HTTP/1.1\r\n");
        let cut = std::thread::spawn(move || {
            while slow.try_send("x").is_ok() {
                dawdle(20);
            }
            began.elapsed()
        });
        while !cut.is_finished() {
            assert_eq!(get(web, "/").unwrap().status, 200);
            dawdle(20);
        }
        let took = cut.join().unwrap();
        assert!(Duration::from_millis(450) < took && took < SOON, "kept {kept}: {took:?}");
    }
}

#[test]
fn silent_connections_are_closed() {
    let program = serving(&["--server.web.header_timeout=300ms"]);
    let rest = Raw::to(program.address("web")).rest();
    assert_eq!((rest.text().as_str(), rest.error), ("", None));
}

/// Beyond the limit there is an answer, and after a close there is room again.
#[test]
fn connections_beyond_the_limit_are_told() {
    let program = serving(&["--server.web.max_connections=2"]);
    let web = program.address("web");
    let request = "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello";
    let mut open = [connect(web).unwrap(), connect(web).unwrap()];
    for stream in &mut open {
        get_on(stream, "/").unwrap();
    }
    for _ in 0..3 {
        let refused = Raw::sending(web, request).rest();
        let text = refused.text().to_lowercase();
        assert_eq!(refused.error, None, "{text}");
        assert!(text.starts_with("http/1.1 503"), "{text}");
        assert!(
            text.contains("connection: close") && text.ends_with("come back later\n"),
            "{text}"
        );
    }
    drop(open);
    program.wait_for("http close 1");
    program.wait_for("http close 2");
    assert_eq!(get(web, "/").unwrap().status, 200);
    program.wait_for("http close 6");
    let events = events(&program, "http ");
    assert_eq!(events[2..5], ["full", "full", "full"]);
    assert_eq!(events.len(), 3 * 2 + 3, "{events:?}");
}

/// A body is produced as fast as the client takes it, and no faster (B16).
#[test]
fn a_stream_waits_for_its_reader() {
    let program = serving(&[]);
    let web = program.address("web");
    let mut readers: Vec<_> = (0..4)
        .map(|_| Raw::sending(web, "GET /stream?16384 HTTP/1.1\r\nHost: t\r\n\r\n"))
        .collect();
    for reader in &mut readers {
        assert!(reader.head().starts_with("http/1.1 200"));
    }
    let produced: u64 = get(web, "/streamed").unwrap().text().parse().unwrap();
    assert!(produced < 4 * 1024, "{produced} pieces of 64 KiB");
    let memory = memory(worker_of(&program, "web").pid);
    assert!(memory < 64 << 20, "{memory} bytes");
}

/// Many idle connections and many closed ones leave nothing behind.
#[test]
fn the_table_empties() {
    let program = serving(&[]);
    let web = program.address("web");
    let mut open: Vec<_> = (0..100).map(|_| connect(web).unwrap()).collect();
    for stream in &mut open {
        get_on(stream, "/").unwrap();
    }
    assert_eq!(get(web, "/open").unwrap().text(), "101");
    drop(open);
    eventually("only the asking connection is open", || {
        (get(web, "/open").unwrap().text() == "1").then_some(())
    });
}
