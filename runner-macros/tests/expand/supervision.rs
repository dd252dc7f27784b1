#[server(
    tcp,
    bind = "127.0.0.1:0",
    workers = "4..=16",
    heartbeat_timeout = "off",
    max_requests = 100_000,
    max_lifetime = "12h",
    max_memory = "512MiB",
    max_restarts = 0,
    restart_window = WINDOW,
    max_surge = "25%",
    max_unavailable = 1,
    cpu_affinity = "0-2,8",
    nice = -5,
    oom_score_adj = 500,
    rlimits(nofile = 65_536, core = 0, stack = "8MiB", cpu = "unlimited", as = ADDRESS_SPACE),
    no_new_privs = true,
    capabilities = ["net_bind_service", "CAP_KILL"],
    chroot = "/srv",
)]
impl Echo {
    async fn receive(&self) {}
}
