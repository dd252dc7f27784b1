use runner::server;

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0", capabilities = ["net_bind_servic", "root"])]
impl Api {
    async fn request(&self) {}
}
