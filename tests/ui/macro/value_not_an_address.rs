use runner::server;

#[derive(Default)]
struct Api;

#[server(http, bind = "localhost")]
impl Api {
    async fn request(&self) {}
}
