use runner::server;

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0", workers, threads = , user("bp"))]
impl Api {
    async fn request(&self) {}
}
