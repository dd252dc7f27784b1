//! The program whose connections the protocol tests use and abuse.

use axum::body::{Body, to_bytes};
use axum::extract::{Json, Path, Query, State};
use axum::routing::{get, post};
use futures_util::stream::{self, StreamExt};
use http::IntoResponse;
use runner::Address;
use runner::http::{self, StatusCode};
use runner::prelude::*;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::time::sleep;

#[derive(Default)]
struct Web {
    /// Pieces that `/stream` has produced.
    streamed: std::sync::Arc<AtomicU64>,
}

#[server(http, bind = "127.0.0.1:0")]
impl Web {
    async fn connect(&self, conn: &http::Conn) -> Result<()> {
        println!("http connect {}", conn.id());
        match told("PROTOCOL_CONNECT").as_str() {
            "error" => return Err(Error::msg("not today")),
            "panic" => panic!("not today"),
            "close" => conn.close(),
            _ => {}
        }
        Ok(())
    }

    async fn request(
        &self,
        request: Request,
        conn: &http::Conn,
        worker: &Worker,
    ) -> Result<http::Response> {
        let target = request.uri().to_string();
        let (path, number) = command(&target);
        Ok(match path {
            "/" => "hello\n".into_response(),
            "/who" => std::process::id().to_string().into_response(),
            "/open" => worker.connection_count::<http::Conn>().to_string().into_response(),
            "/slow" => {
                println!("slow begins");
                sleep(Duration::from_millis(number)).await;
                "slow\n".into_response()
            }
            "/big" => vec![b'x'; usize::try_from(number)?].into_response(),
            "/stream" => {
                let streamed = self.streamed.clone();
                let pieces = stream::iter(0..number).map(move |_| {
                    streamed.fetch_add(1, Relaxed);
                    Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 64 * 1024]))
                });
                Body::from_stream(pieces).into_response()
            }
            "/streamed" => self.streamed.load(Relaxed).to_string().into_response(),
            "/upload" => {
                let body = to_bytes(request.into_body(), usize::MAX).await?;
                body.len().to_string().into_response()
            }
            "/refuse" => StatusCode::FORBIDDEN.into_response(),
            "/inject" => [("x-injected", "a\r\nset-cookie: b")].into_response(),
            "/close" => {
                conn.close();
                "closing\n".into_response()
            }
            "/close_now" => {
                conn.close_now();
                "never seen\n".into_response()
            }
            "/panic" => panic!("told to panic"),
            "/panic/body" => {
                let pieces = stream::iter(0..2).map(|piece| match piece {
                    0 => Ok::<_, std::io::Error>("begun"),
                    _ => panic!("told to panic"),
                });
                Body::from_stream(pieces).into_response()
            }
            "/error" => return Err(Error::msg("told to fail")),
            _ => StatusCode::NOT_FOUND.into_response(),
        })
    }

    async fn connect_full(&self) -> (StatusCode, &'static str) {
        println!("http full");
        (StatusCode::SERVICE_UNAVAILABLE, "come back later\n")
    }

    async fn error(&self, conn: &http::Conn, error: &Error) {
        println!("http error {} {error}", conn.id());
    }

    async fn close(&self, conn: &http::Conn) {
        println!("http close {}", conn.id());
        if told("PROTOCOL_CLOSE") == "panic" {
            panic!("told to panic");
        }
    }

    async fn drain(&self) {
        println!("http drain");
    }

    async fn worker_stop(&self) {
        println!("http worker_stop");
    }
}

#[derive(Default)]
struct Typed;

#[server(http, bind = "127.0.0.1:0")]
impl Typed {
    async fn request(
        &self,
        body: String,
        worker: &Worker,
        method: axum::http::Method,
        headers: axum::http::HeaderMap,
        peer: Address,
        conn: &http::Conn,
    ) -> String {
        let agent =
            headers.get("user-agent").map_or("none", |agent| agent.to_str().unwrap_or("bad"));
        let known = peer == *conn.peer();
        format!("{method} {agent} {known} {} {body}", worker.server())
    }
}

#[derive(Default)]
struct Sum;

#[server(http, bind = "127.0.0.1:0")]
impl Sum {
    async fn request(
        &self,
        bytes: Bytes,
        Json(numbers): Json<HashMap<String, u32>>,
    ) -> Json<(u32, usize)> {
        Json((numbers.values().sum(), bytes.len()))
    }
}

#[derive(Default)]
struct Routed;

#[server(http, bind = "127.0.0.1:0")]
impl Routed {
    async fn service(&self) -> axum::Router {
        type Named = Query<HashMap<String, String>>;
        axum::Router::new()
            .route(
                "/users/{id}",
                get(
                    async |State(greeting): State<&'static str>,
                           Path(id): Path<u32>,
                           Query(query): Named| {
                        format!("{greeting} {id} {}", query["name"])
                    },
                ),
            )
            .route(
                "/sum",
                post(async |Json(numbers): Json<Vec<u32>>| Json(numbers.iter().sum::<u32>())),
            )
            .with_state("hello")
    }
}

#[derive(Default)]
struct Line {
    /// The most that one `receive` has got.
    longest: AtomicUsize,
}

#[server(tcp, bind = "127.0.0.1:0")]
impl Line {
    async fn connect(&self, conn: &Conn) {
        println!("tcp connect {}", conn.id());
    }

    /// Commands come one at a time; anything else comes back.
    async fn receive(&self, conn: &Conn, data: Bytes, worker: &Worker) -> Result<()> {
        self.longest.fetch_max(data.len(), Relaxed);
        let text = String::from_utf8_lossy(&data);
        let (word, number) = command(&text);
        let time = Duration::from_millis(number);
        match word {
            "panic" => panic!("told to panic"),
            "error" => return Err(Error::msg("told to fail")),
            "close" => {
                conn.send(vec![b'x'; usize::try_from(number)?]).await?;
                conn.close();
                println!("tcp refused {}", conn.try_send("too late").is_err());
            }
            "close_now" => {
                conn.send(vec![b'x'; usize::try_from(number)?]).await?;
                conn.close_now();
                sleep(Duration::from_millis(1)).await;
                println!("tcp handler done");
            }
            "close others" => {
                let open = worker.connections::<Conn>();
                for other in open.iter().filter(|other| other.id() != conn.id()) {
                    other.close();
                    tokio::task::yield_now().await;
                }
                conn.send(open.len().to_string()).await?;
            }
            "pause" => {
                conn.pause();
                resume_after(time, conn.clone(), Conn::resume);
                conn.send("paused").await?;
            }
            "pause worker" => {
                worker.pause();
                resume_after(time, worker.clone(), Worker::resume);
                conn.send("paused").await?;
            }
            "flood" => {
                let mut sent = 0;
                while conn.try_send(vec![b'x'; 64 * 1024]).is_ok() {
                    sent += 1;
                }
                println!("tcp full {sent} {}", conn.queued());
                sleep(time).await;
                println!("tcp flood ends");
            }
            "send" => send_pieces(conn, number).await?,
            "slow" => {
                println!("tcp slow begins");
                sleep(time).await;
                conn.send("slow").await?;
                println!("tcp slow ends");
            }
            "idle" => {
                let before = conn.last_receive();
                sleep(time).await;
                conn.send(before.elapsed().as_millis().to_string()).await?;
            }
            "longest" => conn.send(self.longest.load(Relaxed).to_string()).await?,
            _ => conn.send(data).await?,
        }
        Ok(())
    }

    async fn connect_full(&self, conn: &Conn) -> Result<()> {
        println!("tcp full");
        Ok(conn.send("full").await?)
    }

    async fn error(&self, conn: &Conn, error: &Error) {
        println!("tcp error {} {error}", conn.id());
        let _ = conn.send("sorry").await;
    }

    async fn close(&self, conn: &Conn) {
        println!("tcp close {}", conn.id());
    }

    async fn drain(&self) {
        println!("tcp drain");
    }
}

async fn send_pieces(conn: &Conn, count: u64) -> Result<()> {
    for sent in 0..count {
        conn.send(vec![b'x'; 64 * 1024]).await?;
        if sent % 16 == 0 {
            println!("tcp sent {sent}");
        }
    }
    println!("tcp sent all");
    Ok(())
}

/// A word or a path, and the number that follows it after a colon or a question mark.
fn command(text: &str) -> (&str, u64) {
    let (word, number) = text.split_once([':', '?']).unwrap_or((text, ""));
    (word, number.parse().unwrap_or(0))
}

fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn resume_after<T: Send + 'static>(time: Duration, paused: T, resume: fn(&T)) {
    tokio::spawn(async move {
        sleep(time).await;
        println!("tcp resumes");
        resume(&paused);
    });
}
