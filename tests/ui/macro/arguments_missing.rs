use runner::server;

struct Api;

#[server]
impl Api {
    async fn request(&self) {}
}
