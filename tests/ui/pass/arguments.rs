//! Arguments by type: in any order, or none, and several readers of one body.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Form, Query, RawQuery};
use axum::http::{HeaderMap, Method, Uri, Version};
use runner::Address;
use runner::prelude::*;
use std::collections::HashMap;

macro_rules! answers {
    ($($name:ident($($argument:ty),*);)*) => {
        $(
            #[derive(Default)]
            struct $name;

            #[server(http, bind = "127.0.0.1:0")]
            impl $name {
                async fn request(&self, $(_: $argument),*) {}
            }
        )*
    };
}

answers! {
    Nothing();
    Whole(Request);
    Head(Method, Uri, HeaderMap, Version);
    BodyFirst(Bytes, Method, &runner::http::Conn);
    BodyInTheMiddle(Method, String, &Worker);
    TwoBodies(Bytes, Request, Uri);
    Everything(Address, &runner::http::Conn, Json<HashMap<String, u64>>, &Worker, Method, Bytes);
    Maybe(Option<Json<u64>>, Result<Query<Vec<u64>>, QueryRejection>);
    Forms(Form<HashMap<String, String>>, RawQuery);
}

#[derive(Default)]
struct Events;

#[server(http, bind = "127.0.0.1:0")]
impl Events {
    async fn request(
        &self,
        Query(query): Query<HashMap<String, String>>,
        conn: &runner::http::Conn,
        body: Bytes,
    ) -> Result<String> {
        let worker = conn.worker();
        tick().await;
        let _ = worker;
        Ok(format!("{query:?} {}", body.len()))
    }

    async fn connect(&self, _: &Worker, _: &runner::http::Conn) -> Result<()> {
        Ok(())
    }

    async fn close(&self, conn: &runner::http::Conn) -> std::io::Result<()> {
        tick().await;
        let _ = conn.peer();
        Ok(())
    }

    async fn error(&self, error: &Error, _: &runner::http::Conn) {
        tick().await;
        let _ = error.to_string();
    }

    async fn connect_full(&self, _: &runner::http::Conn) -> (axum::http::StatusCode, &'static str) {
        (axum::http::StatusCode::TOO_MANY_REQUESTS, "later")
    }

    async fn drain(&self, _: &Worker) -> Result<(), std::fmt::Error> {
        Ok(())
    }

    async fn worker_stop(&self) {}
}

#[derive(Default)]
struct Echo;

#[server(tcp, bind = "127.0.0.1:0")]
impl Echo {
    async fn receive(&self, data: Bytes, worker: &Worker, conn: &Conn) -> Result {
        tick().await;
        let _ = (data, worker, conn);
        Ok(())
    }

    async fn connect(&self, worker: &Worker) {
        let _ = worker;
    }

    async fn error(&self, error: &Error) {
        let _ = error;
    }

    async fn connect_full(&self, conn: &Conn) {
        let _ = conn;
    }
}

async fn tick() {
    std::future::ready(()).await;
}

fn main() {}
