#[server(http, bind = "127.0.0.1:0", workers = auto, keep_alive = "5s", accept = "slots", crate = rn)]
impl Api {
    async fn worker_start(worker: &Worker) -> Self {
        Self
    }

    async fn service(&self, worker: &Worker) -> Router {
        Router::new()
    }

    async fn connect_full(&self, conn: &Conn) {}

    async fn drain(&self, worker: &Worker) {}
}
