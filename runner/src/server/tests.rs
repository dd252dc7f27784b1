//! Servers of both protocols on listeners of all kinds, in one process.

use super::stream::Stream;
use super::{Call, Identity, Lifecycle, Limits, Quota, Serve, Session, Shutdown, Tell, http, tcp};
use crate::error::Result;
use crate::listener::{Listener, address_of};
use crate::scoreboard::{Counts, Row};
use crate::server::Worker;
use bytes::Bytes;
use socket2::{SockAddr, Socket, Type};
use std::future::{poll_fn, ready};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::task::Poll;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

/// Long enough for a server that would do what it must not.
const A_WHILE: Duration = Duration::from_millis(50);

const GET: &str = "GET /path HTTP/1.1\r\nHost: test\r\n\r\n";

/// The kinds of listeners that workers have.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Own,
    Shared,
    Unix,
}

const KINDS: [Kind; 3] = [Kind::Own, Kind::Shared, Kind::Unix];

/// Sends back what comes; as an http server, 404 to everything.
struct Echo;

impl Lifecycle for Echo {}

impl http::Handler for Echo {}

impl tcp::Handler for Echo {
    async fn receive(&self, conn: &tcp::Conn, data: Bytes) -> Result {
        if data == *"ready?" {
            let ready = conn.worker().is_ready().to_string();
            return Ok(conn.send(ready).await?);
        }
        if data == *"pause" {
            conn.worker().pause();
        }
        Ok(conn.send(data).await?)
    }

    async fn connect_full(&self, conn: &tcp::Conn) -> Result {
        Ok(conn.send("full").await?)
    }
}

fn tcp() -> impl Serve {
    tcp::Tcp(|_: Worker| ready(Ok(Echo)))
}

/// What a server was started with and is steered by.
struct Handle {
    listener: Socket,
    row: Row,
    shutdown: Shutdown,
    calls: UnboundedSender<Call>,
    told: Receiver<Tell>,
    due: Receiver<()>,
    _directory: Option<TempDir>,
}

/// Something to serve with `limit` connections that asks to be replaced after `most` requests.
fn session(kind: Kind, limit: Option<u64>, most: u64) -> (Session, Handle) {
    let (listener, directory) = listen(kind);
    let row = Row::create().unwrap();
    let shutdown = Shutdown::default();
    let (tell, told) = channel();
    let (tell_due, due) = channel();
    let (call, calls) = unbounded_channel();
    let shared = !matches!(kind, Kind::Own);
    let session = Session {
        identity: Identity { server: "test".to_owned(), slot: 0, generation: 1 },
        limits: Limits {
            max_connections: limit,
            keep_alive: PATIENCE,
            header_timeout: PATIENCE,
            receive_buffer: 1024,
        },
        listeners: vec![Listener::new(listener.try_clone().unwrap(), shared)],
        row: row.clone(),
        quota: Quota::new(most, move || tell_due.send(()).unwrap()),
        shutdown: shutdown.clone(),
        calls,
        // What ends with the runtime is told when nobody listens any more.
        tell: Arc::new(move |what| {
            let _ = tell.send(what);
        }),
        ready: Box::new(|| {}),
    };
    (session, Handle { listener, row, shutdown, calls: call, told, due, _directory: directory })
}

fn listen(kind: Kind) -> (Socket, Option<TempDir>) {
    let directory = matches!(kind, Kind::Unix).then(|| tempfile::tempdir().unwrap());
    let address = match &directory {
        Some(directory) => SockAddr::unix(directory.path().join("socket")).unwrap(),
        None => "127.0.0.1:0".parse::<SocketAddr>().unwrap().into(),
    };
    let listener = Socket::new(address.domain(), Type::STREAM, None).unwrap();
    listener.bind(&address).unwrap();
    listener.listen(128).unwrap();
    listener.set_nonblocking(matches!(kind, Kind::Own)).unwrap();
    (listener, directory)
}

fn connect(listener: &Socket) -> Stream {
    let client = Socket::new(listener.domain().unwrap(), Type::STREAM, None).unwrap();
    let address = listener.local_addr().unwrap();
    client.connect(&address).unwrap();
    Stream::adopt(client, &address_of(&address)).unwrap()
}

/// Sends, and returns what comes back at once.
async fn ask(stream: &mut Stream, text: &str) -> String {
    stream.write_all(text.as_bytes()).await.unwrap();
    answer(stream).await
}

async fn answer(stream: &mut Stream) -> String {
    let mut bytes = [0; 1024];
    let length = timeout(PATIENCE, stream.read(&mut bytes)).await.expect("an answer").unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

impl Handle {
    fn connect(&self) -> Stream {
        connect(&self.listener)
    }

    async fn wait_for_counts(&self, counts: Counts) {
        let counted = async {
            while self.row.counts() != counts {
                tokio::task::yield_now().await;
            }
        };
        let counted = timeout(PATIENCE, counted).await;
        counted.unwrap_or_else(|_| panic!("{:?} instead of {counts:?}", self.row.counts()));
    }

    async fn wait_for(&self, what: Tell) {
        let told = async {
            while self.told.try_recv() != Ok(what) {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, told).await.unwrap_or_else(|_| panic!("{what:?} is not told"));
    }
}

/// Runs a server while `clients` do what they do, and then until it has ended.
async fn serve(
    server: &dyn Serve,
    (session, handle): (Session, Handle),
    clients: impl AsyncFnOnce(&Handle),
) {
    let clients = async {
        clients(&handle).await;
        handle.shutdown.stop_now();
    };
    let (ended, ()) = tokio::join!(server.serve(session), clients);
    ended.unwrap();
}

/// Has a server answer four requests on two connections, and asserts what its row says meanwhile.
/// Returns how often it told that it has served `most`.
async fn served(server: &dyn Serve, kind: Kind, request: &str, most: u64) -> usize {
    let mut due = 0;
    serve(server, session(kind, None, most), async |handle| {
        let counts = |connections, accepted, requests| {
            handle.wait_for_counts(Counts { connections, accepted, requests, ..Counts::default() })
        };
        for connection in 0..2 {
            let mut stream = handle.connect();
            for answered in 1..=2 {
                assert_ne!(ask(&mut stream, request).await, "");
                counts(1, connection + 1, 2 * connection + answered).await;
            }
            drop(stream);
            counts(0, connection + 1, 2 * connection + 2).await;
        }
        due = handle.due.try_iter().count();
    })
    .await;
    due
}

/// Requests count against the quota of an http server, connections against that of a tcp one.
#[tokio::test]
async fn what_is_served_is_counted() {
    let http = http::Http(|_| ready(Ok(Echo)));
    for kind in KINDS {
        for (most, told) in [(1, 1), (4, 1), (5, 0)] {
            assert_eq!(served(&http, kind, GET, most).await, told, "{kind:?}, {most} requests");
        }
        for (most, told) in [(1, 1), (2, 1), (3, 0)] {
            assert_eq!(served(&tcp(), kind, "text", most).await, told, "{kind:?}, {most}");
        }
    }
}

/// A connection beyond the limit is left to other workers, until it is known that they are full
/// too.
#[tokio::test]
async fn a_full_worker_takes_no_more_unless_all_are_full() {
    for kind in KINDS {
        serve(&tcp(), session(kind, Some(2), u64::MAX), async |handle| {
            let mut open = [handle.connect(), handle.connect()];
            for stream in &mut open {
                assert_eq!(ask(stream, "hello").await, "hello");
            }
            let mut third = handle.connect();
            handle.wait_for(Tell::Full).await;
            assert!(handle.row.is_full());
            assert!(timeout(A_WHILE, third.read_u8()).await.is_err(), "{kind:?}: it is taken");
            assert_eq!(handle.row.counts().accepted, 2);

            handle.calls.send(Call::Refuse(true)).unwrap();
            assert_eq!(answer(&mut third).await, "full");
            assert_eq!(answer(&mut handle.connect()).await, "full");
            handle.calls.send(Call::Refuse(false)).unwrap();
            let mut last = loop {
                let mut next = handle.connect();
                next.write_all(b"hello").await.unwrap();
                // The first of them may have come before it was known.
                if timeout(A_WHILE, next.read_u8()).await.is_err() {
                    break next;
                }
            };

            drop(open);
            assert_eq!(answer(&mut last).await, "hello");
            handle.wait_for(Tell::Room).await;
            assert!(!handle.row.is_full());
        })
        .await;
    }
}

/// What waits in the sockets of a worker that is gone is taken as far as there is room, and
/// something that is no such socket is closed.
#[tokio::test]
async fn lent_sockets_are_emptied() {
    serve(&tcp(), session(Kind::Own, Some(3), u64::MAX), async |handle| {
        let (orphan, _) = listen(Kind::Own);
        let mut waiting: Vec<_> = (0..4).map(|_| connect(&orphan)).collect();
        let lend = |sockets| handle.calls.send(Call::Rescue(sockets)).unwrap();
        let (_pipe, no_socket) = std::io::pipe().unwrap();
        let (blocking, _) = listen(Kind::Shared);
        lend(vec![no_socket.into(), blocking.into(), OwnedFd::from(orphan.try_clone().unwrap())]);
        handle.wait_for(Tell::Rescued(3)).await;
        for stream in &mut waiting[..3] {
            assert_eq!(ask(stream, "hello").await, "hello");
        }
        assert!(handle.row.is_full(), "it has said so before");
        waiting.drain(..3);
        handle.wait_for(Tell::Room).await;
        lend(vec![orphan.into()]);
        handle.wait_for(Tell::Rescued(1)).await;
        assert_eq!(ask(&mut waiting[0], "hello").await, "hello");
    })
    .await;
}

/// A worker that drains takes what waits, and a paused one does so too.
#[tokio::test]
async fn a_drain_takes_what_waits() {
    for kind in KINDS {
        serve(&tcp(), session(kind, None, u64::MAX), async |handle| {
            assert_eq!(ask(&mut handle.connect(), "pause").await, "pause");
            let mut waiting: Vec<_> = (0..20).map(|_| handle.connect()).collect();
            for stream in &mut waiting {
                stream.write_all(b"hello").await.unwrap();
            }
            assert!(timeout(A_WHILE, waiting[0].read_u8()).await.is_err(), "{kind:?} is paused");
            assert_eq!(handle.row.counts().accepted, 1, "{kind:?}");
            handle.shutdown.begin_drain();
            for stream in &mut waiting {
                assert_eq!(answer(stream).await, "hello", "{kind:?}");
            }
        })
        .await;
    }
}

/// Unlike `yield_now`, without a look at what has arrived.
async fn let_others_run() {
    let mut first = true;
    poll_fn(|context| {
        if std::mem::take(&mut first) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

/// What a client has sent is read, although the worker had no time for it until its grace was over.
#[tokio::test]
async fn a_drain_that_is_held_up_reads_what_has_come() {
    for kind in KINDS {
        serve(&tcp(), session(kind, None, u64::MAX), async |handle| {
            assert_eq!(ask(&mut handle.connect(), "pause").await, "pause");
            let mut waiting = handle.connect();
            waiting.write_all(b"hello").await.unwrap();
            handle.shutdown.begin_drain();
            let row = handle.row.clone();
            let busy = tokio::spawn(async move {
                while row.counts().accepted < 2 {
                    let_others_run().await;
                }
                // Its grace begins.
                let_others_run().await;
                let until = Instant::now() + Duration::from_secs(1);
                while let Some(left) = until.checked_duration_since(Instant::now()) {
                    std::thread::park_timeout(left);
                }
            });
            busy.await.unwrap();
            assert_eq!(answer(&mut waiting).await, "hello", "{kind:?}");
        })
        .await;
    }
}

/// Before it drains, a worker can tell for a while that it will, and serves as ever.
#[tokio::test]
async fn a_lame_duck_serves() {
    for kind in KINDS {
        serve(&tcp(), session(kind, None, u64::MAX), async |handle| {
            let mut kept = handle.connect();
            assert_eq!(ask(&mut kept, "ready?").await, "true");
            handle.shutdown.begin_lame_duck();
            for stream in [&mut kept, &mut handle.connect()] {
                assert_eq!(ask(stream, "ready?").await, "false");
            }
        })
        .await;
    }
}
