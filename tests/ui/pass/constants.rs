//! Values that are constants, and types with parameters.

use runner::prelude::*;
use std::time::Duration;

mod options {
    pub const ADDRESS: &str = "127.0.0.1:0";
    pub const WORKERS: u32 = 4;
}
const TIMEOUT: Duration = Duration::from_secs(5);
const LIMIT: u64 = 10;

#[derive(Default)]
struct Api<D>(D);

#[derive(Default)]
struct Db;

#[server(http, bind = options::ADDRESS, workers = options::WORKERS, keep_alive = TIMEOUT, max_connections = LIMIT * 2)]
impl Api<Db> {
    async fn request(&self) {
        let _ = &self.0;
    }
}

#[derive(Default)]
struct Echo;

#[server(tcp, bind = [options::ADDRESS, "[::1]:0"], receive_buffer = 4096, accept = "slots", group = "staff")]
impl Echo {
    async fn receive(&self) {}
}

#[master(servers(Api<Db>, Echo), spawn = "fork")]
struct App;

fn main() {}
