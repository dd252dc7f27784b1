#[server(
    http,
    tcp,
    bnd = "127.0.0.1:0",
    bind = "localhost",
    workers = "10",
    workers = 2,
    keep_alive = "30",
    accept = "shared",
    tls(certificate = "a.pem"),
    receive_buffer = "1MiB",
    "loose",
    lame_duck = 5,
    http(max_streams = 100),
    umask = 0o027,
    backlog = -1,
)]
impl Api {
    async fn request(&self) {}
}
