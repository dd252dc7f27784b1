//! Several attributes in one file import the same `main`.

use runner::prelude::*;

#[derive(Default)]
struct Hello;

#[server(http, bind = "127.0.0.1:0", workers = 2, keep_alive = "5s")]
impl Hello {
    async fn request(&self, _request: Request) -> &'static str {
        "hello\n"
    }
}

struct Echo;

#[server(tcp, bind = "127.0.0.1:0", receive_buffer = "64KiB")]
impl Echo {
    async fn worker_start(_worker: &Worker) -> Result<Self> {
        Ok(Self)
    }

    async fn receive(&self, _conn: &Conn, data: Bytes) -> Result<()> {
        if data.is_empty() {
            return Err(Error::msg("nothing was received"));
        }
        Ok(())
    }

    async fn close(&self) {}
}

struct App;

#[master]
impl App {
    fn stop(&self) {}
}
