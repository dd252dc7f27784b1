//! The framework under another name.

use rn::prelude::*;

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0", crate = rn)]
impl Api {
    async fn request(&self, conn: &rn::http::Conn, body: Bytes) -> String {
        format!("{} bytes from {}\n", body.len(), conn.peer())
    }
}

struct Echo;

#[server(tcp, bind = "127.0.0.1:0", crate = rn)]
impl Echo {
    async fn worker_start(worker: &Worker) -> Self {
        let _ = worker;
        Self
    }

    async fn receive(&self, conn: &Conn, data: Bytes) -> std::io::Result<()> {
        let _ = (conn, data);
        Ok(())
    }
}

#[master(crate = ::rn)]
struct App;
