//! Limits for workers: the cores they run on, what they may use, and who gives way to whom.
//!
//! It runs as whoever starts it. As root, `--config examples/limits.root.toml` adds another user
//! and the one right that this user keeps.

use runner::prelude::*;

#[derive(Default)]
struct Api;

#[server(
    http,
    bind = "127.0.0.1:9509",
    workers = 2,
    cpu_affinity = auto,
    nice = 5,
    oom_score_adj = 300,
    no_new_privs = true,
    rlimits(nofile = 4096, core = 0, fsize = "1GiB")
)]
impl Api {
    /// Shows what the kernel says of this worker.
    async fn request(&self) -> Result<String> {
        Ok(std::fs::read_to_string("/proc/self/limits")?)
    }
}
