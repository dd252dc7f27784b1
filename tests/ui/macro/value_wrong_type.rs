use runner::server;

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0", workers = "10", user = 3, keep_alive = 30, max_connections = "many", drain_timeout = true, threads = -1)]
impl Api {
    async fn request(&self) {}
}
