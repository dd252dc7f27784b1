use runner::server;

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0", rlimits(nofil = 1024))]
impl Api {
    async fn request(&self) {}
}
