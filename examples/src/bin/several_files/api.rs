//! An http server with state that each worker makes for itself.

use runner::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) struct Api {
    slot: u32,
    hits: AtomicU64,
}

#[server(http, bind = "127.0.0.1:9503", workers = 2)]
impl Api {
    async fn worker_start(worker: &Worker) -> Self {
        Self { slot: worker.slot(), hits: AtomicU64::new(0) }
    }

    async fn request(&self, request: Request) -> String {
        let hits = self.hits.fetch_add(1, Ordering::Relaxed) + 1;
        format!("{} is request {hits} of worker {}\n", request.uri().path(), self.slot)
    }
}
