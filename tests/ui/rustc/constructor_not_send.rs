use runner::server;

#[derive(Default)]
struct Api;

#[server(tcp, bind = "127.0.0.1:0")]
impl Api {
    async fn receive(&self) {}

    async fn worker_start() -> Self {
        let shared = std::rc::Rc::new(1);
        std::future::ready(()).await;
        drop(shared);
        Self
    }
}
