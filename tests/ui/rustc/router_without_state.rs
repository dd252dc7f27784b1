use axum::Router;
use runner::server;

#[derive(Clone)]
struct Db;

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0")]
impl Api {
    async fn service(&self) -> Router<Db> {
        Router::new()
    }
}
