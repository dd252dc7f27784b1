use runner::server;

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0", rlimits(core = 0, core = "1MiB"))]
impl Api {
    async fn request(&self) {}
}
