use runner::server;

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0", workers = "16..=4")]
impl Api {
    async fn request(&self) {}
}
