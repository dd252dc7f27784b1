use runner::server;

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0", capabilities = ["kill", "CAP_KILL"])]
impl Api {
    async fn request(&self) {}
}
