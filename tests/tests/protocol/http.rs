//! Requests and responses.

use crate::{events, protocol, serving, worker_of};
use runner_tests::{Program, Raw, connect, get, get_on};

/// The status lines of everything that comes back until the server closes.
fn statuses(program: &Program, server: &str, request: &str) -> Vec<String> {
    let rest = Raw::sending(program.address(server), request).rest();
    assert_eq!(rest.error, None, "{request:?} got {:?}", rest.text());
    let text = rest.text();
    let lines = text.lines().filter(|line| line.starts_with("HTTP/1."));
    lines.map(|line| line[..12].to_owned()).collect()
}

/// Who may keep the connection, by version and header, in any case of letters (B13).
#[test]
fn connections_are_kept_by_the_rules_of_each_version() {
    let program = serving(&[]);
    const AGAIN: &str = "GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
    for (first, answers) in [
        ("GET / HTTP/1.1\r\nHost: t\r\n\r\n", 2),
        ("GET / HTTP/1.1\r\nHost: t\r\nConnection: Keep-Alive\r\n\r\n", 2),
        ("GET / HTTP/1.1\r\nHost: t\r\nConnection: Close\r\n\r\n", 1),
        ("GET / HTTP/1.0\r\n\r\n", 1),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 2),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 2),
        ("GET / HTTP/1.0\r\nConnection: close\r\n\r\n", 1),
        ("GET /close HTTP/1.1\r\nHost: t\r\n\r\n", 1),
    ] {
        let came = statuses(&program, "web", &format!("{first}{AGAIN}"));
        assert_eq!(came.len(), answers, "{first:?}: {came:?}");
    }
    let kept =
        Raw::sending(program.address("web"), "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            .head();
    assert!(kept.contains("connection: keep-alive"), "{kept}");
    let closed = Raw::sending(program.address("web"), AGAIN).head();
    assert!(closed.contains("connection: close"), "{closed}");
}

/// What is not HTTP is answered and closed, and never reaches a handler (B19).
#[test]
fn malformed_requests_are_answered_and_closed() {
    let program = serving(&[]);
    let long = "x".repeat(600 * 1024);
    for (request, status) in [
        ("GARBAGE\r\n\r\n", "400"),
        ("GARBAGE\r\n\r\nGET / HTTP/1.1\r\nHost: t\r\n\r\n", "400"),
        ("GET / HTTP/2.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: t\r\nno colon\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: t\r\nname : value\r\n\r\n", "400"),
        ("POST /upload HTTP/1.1\r\nHost: t\r\nContent-Length: 3x\r\n\r\nabc", "400"),
        ("POST /upload HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\nabc", "400"),
        (
            "POST /upload HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nContent-Length: 3\r\n\r\nabc",
            "400",
        ),
        (
            "POST /upload HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n",
            "400",
        ),
        (&format!("GET / HTTP/1.1\r\nX: {long}\r\n\r\n"), "431"),
        (&format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(200)), "431"),
        (&format!("GET /{} HTTP/1.1\r\n\r\n", &long[..70_000]), "414"),
    ] {
        let came = statuses(&program, "web", request);
        let name = &request[..request.len().min(80)];
        assert_eq!(came, [format!("HTTP/1.1 {status}")], "{name:?}");
    }
    // A chunked body wins over a length, and the connection ends with it, so that nothing that
    // follows is taken for a request (RFC 9112, section 6.3).
    let both = "POST /upload HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\
                0\r\n\r\nGET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
    let came = statuses(&program, "web", both);
    assert!(came.len() <= 2, "{came:?}");
}

/// A request without `Host` is served: who it is for is up to the handler.
#[test]
fn a_missing_host_is_no_error() {
    let program = serving(&[]);
    let request = "GET / HTTP/1.1\r\nConnection: close\r\n\r\n";
    assert_eq!(statuses(&program, "web", request), ["HTTP/1.1 200"]);
}

#[test]
fn bodies_come_in_every_form() {
    let program = serving(&[]);
    let post = "POST /x HTTP/1.1\r\nHost: t\r\nConnection: close\r\nUser-Agent: me\r\n";
    for (rest, body) in [
        ("\r\n", ""),
        ("Content-Length: 0\r\n\r\n", ""),
        ("Content-Length: 5\r\n\r\nhello", "hello"),
        (
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nTrailer: z\r\n\r\n",
            "hello!",
        ),
    ] {
        let whole = Raw::sending(program.address("typed"), format!("{post}{rest}")).rest();
        let expected = format!("\r\n\r\nPOST me true typed {body}");
        assert!(whole.text().ends_with(&expected), "{rest:?}: {}", whole.text());

        let mut pieces = Raw::to(program.address("typed"));
        for byte in format!("{post}{rest}").bytes() {
            pieces.send([byte]);
        }
        assert!(pieces.rest().text().ends_with(&expected), "{rest:?} byte by byte");
    }
}

#[test]
fn a_head_has_the_length_and_no_body() {
    let program = serving(&[]);
    let mut raw = Raw::sending(program.address("web"), "HEAD / HTTP/1.1\r\nHost: t\r\n\r\n");
    let head = raw.head();
    assert!(head.contains("content-length: 6\r\n"), "{head}");
    // Had there been a body, it would come before this.
    raw.send("GET /who HTTP/1.1\r\nHost: t\r\n\r\n");
    assert!(raw.head().starts_with("http/1.1 200"));
}

#[test]
fn a_client_that_asks_whether_to_send_is_told() {
    let program = serving(&[]);
    let ask = |path| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        );
        Raw::sending(program.address("web"), head)
    };
    let mut raw = ask("/upload");
    assert!(raw.head().starts_with("http/1.1 100"));
    raw.send("hello");
    assert!(raw.head().starts_with("http/1.1 200"));
    raw.expect("5");
    assert!(ask("/refuse").head().starts_with("http/1.1 403"));
}

/// A body that nobody reads does not cost the client its answer, nor break it off, not even if it
/// begins only after the answer has come.
#[test]
fn an_answer_before_the_end_of_the_upload_arrives() {
    let program = serving(&[]);
    for waits in [false, true] {
        let mut raw = Raw::sending(
            program.address("web"),
            "POST /refuse HTTP/1.1\r\nHost: t\r\nContent-Length: 8000000\r\n\r\n",
        );
        if waits {
            assert!(raw.head().starts_with("http/1.1 403"));
        }
        for _ in 0..800 {
            raw.send([b'x'; 10_000]);
        }
        raw.end();
        let rest = raw.rest();
        assert_eq!(rest.error, None);
        assert!(waits || rest.text().starts_with("HTTP/1.1 403"), "{}", rest.text());
    }
}

/// A handler that panics or fails takes neither the worker nor its other connections (B19b).
#[test]
fn a_failing_handler_answers_500_and_nothing_else_happens() {
    let program = serving(&[]);
    let web = program.address("web");
    let mut kept = connect(web).unwrap();
    let before = get_on(&mut kept, "/who").unwrap().text();
    for (path, message) in [("/panic", "panicked: told to panic"), ("/error", "told to fail")] {
        let mut failing = connect(web).unwrap();
        let reply = get_on(&mut failing, path).unwrap();
        assert_eq!((reply.status, reply.text()), (500, "internal server error\n".to_owned()));
        program.wait_for(message);
        assert_eq!(get_on(&mut failing, "/who").unwrap().text(), before, "after {path}");
    }
    assert_eq!(get_on(&mut kept, "/who").unwrap().text(), before);
    assert_eq!(worker_of(&program, "web").pid.to_string(), before);
}

/// No failure, wherever it is, leaves a connection behind or skips `close`.
#[test]
fn events_come_once_and_in_order() {
    for (environment, request, expected) in [
        ("", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", vec!["connect 1", "close 1"]),
        (
            "",
            "GET /error HTTP/1.1\r\nConnection: close\r\n\r\n",
            vec!["connect 1", "error 1 told to fail", "close 1"],
        ),
        (
            "",
            "GET /panic HTTP/1.1\r\nConnection: close\r\n\r\n",
            vec!["connect 1", "error 1 panicked: told to panic", "close 1"],
        ),
        (
            "",
            "GET /panic/body HTTP/1.1\r\n\r\n",
            vec!["connect 1", "error 1 panicked: told to panic", "close 1"],
        ),
        ("", "GET /close_now HTTP/1.1\r\n\r\n", vec!["connect 1", "close 1"]),
        (
            "",
            "NONSENSE\r\n\r\n",
            vec!["connect 1", "error 1 invalid HTTP method parsed", "close 1"],
        ),
        (
            "PROTOCOL_CONNECT=error",
            "GET / HTTP/1.1\r\n\r\n",
            vec!["connect 1", "error 1 not today", "close 1"],
        ),
        (
            "PROTOCOL_CONNECT=panic",
            "GET / HTTP/1.1\r\n\r\n",
            vec!["connect 1", "error 1 panicked: not today", "close 1"],
        ),
        ("PROTOCOL_CONNECT=close", "GET / HTTP/1.1\r\n\r\n", vec!["connect 1", "close 1"]),
        (
            "PROTOCOL_CLOSE=panic",
            "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
            vec!["connect 1", "close 1"],
        ),
    ] {
        let (name, value) = environment.split_once('=').unwrap_or(("PROTOCOL", ""));
        let program = protocol().env(name, value).spawn().ready();
        let rest = Raw::sending(program.address("web"), request).rest();
        assert!(!rest.text().contains("never seen"));
        program.wait_for("http close 1");
        let came = events(&program, "http ");
        assert_eq!(came, expected, "{environment} {request:?}");
        if !environment.starts_with("PROTOCOL_CONNECT") {
            assert_eq!(get(program.address("web"), "/open").unwrap().text(), "1", "{request:?}");
        }
    }
}

/// Looking whether the port is open is no error.
#[test]
fn a_connection_closed_unused_fires_no_error() {
    let program = serving(&[]);
    drop(Raw::to(program.address("web")));
    Raw::to(program.address("web")).reset();
    get(program.address("web"), "/").unwrap();
    program.wait_for("http close 1");
    let came = events(&program, "http ");
    assert!(!came.iter().any(|event| event.starts_with("error")), "{came:?}");
}

/// Header values cannot end the header (B22).
#[test]
fn responses_cannot_be_split() {
    let program = serving(&[]);
    let reply = get(program.address("web"), "/inject").unwrap();
    assert_eq!((reply.status, reply.header("set-cookie")), (500, None));
}

/// Arguments by type, and bodies that are not what the handler asks for (B19b).
#[test]
fn wrong_bodies_are_the_clients_fault() {
    let program = serving(&[]);
    let post = |server: &str, kind: &str, body: &[u8]| {
        let head = format!(
            "POST /sum HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let bytes = [head.as_bytes(), body].concat();
        Raw::sending(program.address(server), bytes).rest().text()
    };
    const JSON: &str = "application/json";
    for (server, kind, body, status, end) in [
        ("sum", JSON, &b"{\"a\": 1, \"b\": 2}"[..], "200", "\r\n\r\n[3,16]"),
        ("sum", JSON, b"17", "422", ""),
        ("sum", JSON, b"{\"a\": ", "400", ""),
        ("sum", "text/plain", b"{}", "415", ""),
        ("routed", JSON, b"[1, 2, 3]", "200", "\r\n\r\n6"),
        ("routed", JSON, b"[1, 2", "400", ""),
        ("typed", "text/plain", b"\xff\xfe", "400", ""),
    ] {
        let came = post(server, kind, body);
        assert!(came.starts_with(&format!("HTTP/1.1 {status}")), "{server} {body:?}: {came}");
        assert!(came.ends_with(end), "{server} {body:?}: {came}");
    }
}

#[test]
fn a_router_answers_with_its_extractors() {
    let program = serving(&[]);
    let routed = program.address("routed");
    let reply = get(routed, "/users/7?name=ada").unwrap();
    assert_eq!((reply.status, reply.text()), (200, "hello 7 ada".to_owned()));
    assert_eq!(get(routed, "/users/x?name=ada").unwrap().status, 400);
    assert_eq!(get(routed, "/nowhere").unwrap().status, 404);
    assert_eq!(get(routed, "/sum").unwrap().status, 405);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let program = serving(&[]);
    let requests: String = (0..200)
        .map(|i| match i % 2 {
            0 => "GET /who HTTP/1.1\r\nHost: t\r\n\r\n".to_owned(),
            _ => format!("GET /big?{i} HTTP/1.1\r\nHost: t\r\n\r\n"),
        })
        .collect();
    let mut raw = Raw::sending(program.address("web"), requests);
    let pid = worker_of(&program, "web").pid.to_string();
    for i in 0..200 {
        assert!(raw.head().starts_with("http/1.1 200"));
        raw.expect(&if i % 2 == 0 { pid.clone() } else { "x".repeat(i) });
    }
}

/// An answer waits neither for the next request to be complete nor for its handler.
#[test]
fn an_answer_does_not_wait_for_the_next_request() {
    let program = serving(&[]);
    for next in ["GET / HTTP/1.1\r\nHo", "GET /slow?60000 HTTP/1.1\r\nHost: t\r\n\r\nGET"] {
        let request = format!("GET / HTTP/1.1\r\nHost: t\r\n\r\n{next}");
        let mut raw = Raw::sending(program.address("web"), request);
        assert!(raw.head().starts_with("http/1.1 200"), "before {next:?}");
        raw.expect("hello\n");
    }
}
