#[server(
    http,
    name = "api",
    bind = "127.0.0.1:0",
    workers = auto,
    threads = 2,
    user = USER,
    group = "staff",
    stdin = "/dev/null",
    stdout = "out.log",
    stderr = "err.log",
    max_connections = 1_000,
    keep_alive = "1m",
    header_timeout = "500ms",
    backlog = 512,
    accept = "slots",
    drain_timeout = "1h",
    start_timeout = TIMEOUT,
)]
impl Api {
    async fn request(&self) {}
}
