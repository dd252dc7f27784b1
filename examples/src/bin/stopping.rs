//! A server that a load balancer can ask whether it wants to be sent clients.

use runner::http::{IntoResponse, Response, StatusCode};
use runner::prelude::*;

#[derive(Default)]
struct Shop;

// ANCHOR: server
#[server(http, bind = "127.0.0.1:9511", lame_duck = "10s")]
impl Shop {
    async fn request(&self, request: Request, worker: &Worker) -> Response {
        match request.uri().path() {
            "/readyz" if worker.is_ready() => "ready\n".into_response(),
            "/readyz" => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response(),
            _ => "what would you like?\n".into_response(),
        }
    }
}
// ANCHOR_END: server
