use runner::server;

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0", max_requests = 0, max_connections = 0)]
impl Api {
    async fn request(&self) {}
}
