use runner::server;

#[derive(Default)]
struct Api;

#[server(http, bnd = "127.0.0.1:0", colour = 3)]
impl Api {
    async fn request(&self) {}
}
