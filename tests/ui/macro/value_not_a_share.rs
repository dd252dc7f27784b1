use runner::server;

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0", max_surge = "101%", max_unavailable = "2.5%")]
impl Api {
    async fn request(&self) {}
}
