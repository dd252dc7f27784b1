//! A server that is an axum router.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use runner::prelude::*;

struct Api {
    greeting: &'static str,
}

#[server(http, bind = "127.0.0.1:0")]
impl Api {
    async fn worker_start(_worker: &Worker) -> Self {
        Self { greeting: "hello" }
    }

    async fn service(&self, _worker: &Worker) -> Router {
        let hello = |State(greeting): State<&'static str>| async move { greeting };
        Router::new().route("/", get(hello)).with_state(self.greeting)
    }

    async fn connect(&self, _conn: &runner::http::Conn) {}
}

fn main() {}
