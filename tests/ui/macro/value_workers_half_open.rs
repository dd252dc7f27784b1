use runner::server;

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0", workers = 4..16)]
impl Api {
    async fn request(&self) {}
}
