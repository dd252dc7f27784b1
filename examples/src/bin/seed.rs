//! The example of the PHP package `bobby/servers-runner`, line by line: an http server with ten
//! workers and a tcp server with five under one master, with a pid file and redirected streams.
//!
//! It runs as whoever starts it. As root, `--config examples/seed.root.toml` adds the user and the
//! group that the original sets.

use runner::http;
use runner::prelude::*;

struct ServersRunner;

#[master(
    name = "servers-runner",
    pid_file = "servers-runner.pid",
    stdin = "/dev/null",
    stdout = "stdout.log",
    stderr = "stderr.log"
)]
impl ServersRunner {
    fn start(&self) {
        println!("Master process start.");
    }

    fn stop(&self) {
        println!("Master process exit.");
    }
}

struct HttpServer;

#[server(http, name = "Http server", bind = "0.0.0.0:9501", workers = 10)]
impl HttpServer {
    async fn worker_start() -> Self {
        println!("Http server worker start.");
        Self
    }

    async fn request(&self, request: Request) -> &'static str {
        println!("{:?}", request.uri().query());
        "Hi Http client.\n"
    }

    async fn error(&self, conn: &http::Conn, error: &Error) {
        eprintln!("Connection {}: {error}", conn.id());
    }

    async fn worker_stop(&self) {
        println!("Http server worker stop.");
    }
}

struct TcpServer;

#[server(tcp, name = "Tcp server", bind = "0.0.0.0:9502", workers = 5)]
impl TcpServer {
    async fn worker_start() -> Self {
        println!("TCP server worker start.");
        Self
    }

    async fn connect(&self, conn: &Conn) {
        println!("Socket {} connected.", conn.id());
    }

    async fn receive(&self, conn: &Conn, data: Bytes) -> Result<()> {
        println!("Receive message:{}", String::from_utf8_lossy(&data));
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nHi").await?;
        conn.close();
        Ok(())
    }

    async fn close(&self, conn: &Conn) {
        println!("Socket {} is closed.", conn.id());
    }

    async fn error(&self, conn: &Conn, error: &Error) {
        eprintln!("Socket {}: {error}", conn.id());
    }

    async fn worker_stop(&self) {
        println!("TCP server worker stop.");
    }
}
