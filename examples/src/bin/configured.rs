//! Options from every layer: the attributes are only the defaults of `runner.toml`, the environment
//! and the command line. `examples/configured.toml` is a file for it.

use runner::prelude::*;

#[master(name = "configured", pid_file = "configured.pid", term = "graceful")]
struct Program;

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:9508", workers = 2, drain_timeout = "10s")]
impl Api {
    async fn request(&self, worker: &Worker) -> String {
        format!("generation {}\n", worker.generation())
    }
}
