//! An HTTP client that hides nothing: what came, and how it ended.

use crate::PATIENCE;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its status code.
    pub status: u16,
    /// Its head, with lower-case names.
    pub head: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether the server says that it closes the connection.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// Requests a path on a connection of its own.
///
/// # Errors
/// Whatever went wrong on the way.
pub fn get(address: SocketAddr, path: &str) -> io::Result<Reply> {
    get_on(&mut connect(address)?, path)
}

/// Requests a path on a connection and reads the whole answer.
///
/// # Errors
/// Whatever went wrong on the way; an answer that ends early is `UnexpectedEof`.
pub fn get_on(stream: &mut TcpStream, path: &str) -> io::Result<Reply> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")?;
    read_reply(stream)
}

/// Connects, with a limit on every wait.
///
/// # Errors
/// What connecting gave.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads one answer with a `Content-Length`.
///
/// # Errors
/// Whatever went wrong on the way.
pub fn read_reply(stream: &mut TcpStream) -> io::Result<Reply> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    // One byte of buffer: nothing of a next answer may be taken from the stream.
    let mut reader = BufReader::with_capacity(1, stream);
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| invalid(&line))?;
    let mut head = Vec::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        head.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = head.iter().find(|(name, _)| name == "content-length");
    let length: usize =
        length.map_or(Ok(0), |(_, value)| value.parse()).map_err(|_| invalid("length"))?;
    let mut body = vec![0; length];
    reader.into_inner().read_exact(&mut body)?;
    Ok(Reply { status, head, body })
}

/// Keep-alive clients that request without a pause, until they are stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

/// Starts `clients` of them.
#[must_use]
pub fn load(address: SocketAddr, clients: usize) -> Load {
    let stop = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicU64::new(0));
    let clients = (0..clients).map(|_| {
        let (stop, done) = (stop.clone(), done.clone());
        std::thread::spawn(move || request_until(&stop, &done, address))
    });
    Load { clients: clients.collect(), stop, done }
}

impl Load {
    /// How many requests were answered so far.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Stops the clients; what failed, of all of them.
    #[must_use]
    pub fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        let failures =
            self.clients.into_iter().map(|client| client.join().expect("no client panics"));
        failures.flatten().collect()
    }
}

/// One client: a new connection only after an answer that announced the close of the last one.
fn request_until(stop: &AtomicBool, done: &AtomicU64, address: SocketAddr) -> Vec<String> {
    let mut failures = Vec::new();
    let mut stream = None;
    while !stop.load(Ordering::Relaxed) && failures.len() < 10 {
        let mut open = match stream.take().map_or_else(|| connect(address), Ok) {
            Ok(open) => open,
            Err(error) => {
                failures.push(format!("connect: {error}"));
                continue;
            }
        };
        match get_on(&mut open, "/") {
            Ok(reply) if reply.status == 200 => {
                done.fetch_add(1, Ordering::Relaxed);
                stream = (!reply.closes()).then_some(open);
            }
            Ok(reply) => failures.push(format!("status {}", reply.status)),
            Err(error) => failures.push(format!("request: {error}")),
        }
    }
    failures
}
