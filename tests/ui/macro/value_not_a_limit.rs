use runner::server;

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0", rlimits(nofile = "64KiB", core = true, cpu = -1))]
impl Api {
    async fn request(&self) {}
}
