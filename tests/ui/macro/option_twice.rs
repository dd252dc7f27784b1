use runner::server;

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0", workers = 1, threads = 2, workers = 2)]
impl Api {
    async fn request(&self) {}
}
