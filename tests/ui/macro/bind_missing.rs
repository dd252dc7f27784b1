use runner::server;

#[derive(Default)]
struct Api;

#[server(tcp)]
impl Api {
    async fn receive(&self) {}
}
