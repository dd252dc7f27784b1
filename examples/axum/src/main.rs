//! An axum router as the whole of an http server. Any other tower service does as well.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use runner::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

struct Api {
    hits: Arc<AtomicU64>,
}

#[server(http, bind = "127.0.0.1:9509", workers = 2)]
impl Api {
    async fn worker_start() -> Self {
        Self { hits: Arc::default() }
    }

    /// Called once in each worker, after `worker_start`.
    async fn service(&self) -> Router {
        Router::new()
            .route("/hello/{name}", get(hello))
            .route("/hits", get(hits))
            .with_state(self.hits.clone())
    }

    async fn worker_stop(&self) {
        println!("answered {} greetings", self.hits.load(Ordering::Relaxed));
    }
}

async fn hello(State(hits): State<Arc<AtomicU64>>, Path(name): Path<String>) -> String {
    hits.fetch_add(1, Ordering::Relaxed);
    format!("hello {name}\n")
}

async fn hits(State(hits): State<Arc<AtomicU64>>) -> Json<u64> {
    Json(hits.load(Ordering::Relaxed))
}
