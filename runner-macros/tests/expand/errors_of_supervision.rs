#[server(
    tcp,
    bind = "127.0.0.1:0",
    workers = "16..=4",
    heartbeat_timeout = 30,
    max_requests = 0,
    max_lifetime = "12",
    max_memory = true,
    max_restarts = -1,
    max_surge = "101%",
    max_unavailable = "a few%",
    cpu_affinity = "3-0",
    nice = -21,
    oom_score_adj = "500",
    rlimits(nofile = "1KiB", stak = 1, core = 0, core = 1, data),
    no_new_privs = "true",
    capabilities = ["net_bind", "root", "CAP_KILL", "kill", 10],
    chroot = "",
)]
impl Echo {
    async fn receive(&self) {}
}
