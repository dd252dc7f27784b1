use runner::server;

const WORKERS: &str = "10";

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0", threads = WORKERS)]
impl Api {
    async fn request(&self) {}
}
