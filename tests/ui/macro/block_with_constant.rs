use runner::server;

#[derive(Default)]
struct Api;

#[server(tcp, bind = "127.0.0.1:0")]
impl Api {
    const LIMIT: usize = 1;

    async fn receive(&self) {}
}
