//! How a program is tested from outside, with nothing but the standard library.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// The running program; it ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn greets() {
    let child = Command::new(env!("CARGO_BIN_EXE_hello"))
        .env("RUNNER_SERVER_HELLO__BIND", "127.0.0.1:0")
        .env("RUNNER_SERVER_HELLO__WORKERS", "1")
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut program = Running(child);
    let log = BufReader::new(program.0.stderr.take().expect("a pipe"));
    let address = log
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            let (_, rest) = line.split_once("listening on ")?;
            rest.split_whitespace().next().map(str::to_owned)
        })
        .expect("a line that names the address");

    // The socket is open already: this waits until a worker is ready.
    let mut client = TcpStream::connect(&address).expect("a connection");
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        .expect("to send");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer");
    assert!(answer.ends_with("\r\n\r\nHi Http client.\n"), "{answer}");
}
