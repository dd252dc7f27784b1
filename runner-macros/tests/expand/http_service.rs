#[server(http, bind = ["127.0.0.1:8080", "[::1]:8080"])]
impl Api {
    async fn service(&self, worker: &Worker) -> axum::Router {
        axum::Router::new()
    }
}
