use runner::server;

#[derive(Default)]
struct Api;

#[server(http, bind = ["127.0.0.1:8080", "127.0.0.1:8080"])]
impl Api {
    async fn request(&self) {}
}
