use runner::server;

#[derive(Default)]
struct Api;

#[server(tcp, bind = "127.0.0.1:0")]
impl Api {
    async fn receive(&self) {}
    #[cfg(unix)]
    async fn worker_start() -> Self {
        Self
    }
}
