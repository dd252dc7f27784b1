//! Clients that know what became of each request, and which process answered it.
//!
//! wrk is faster, but counts a connection that was lost and one that was closed in good order alike.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// For a connection and an answer, each.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read; all that are asked for are far shorter.
const ANSWER_MAX: usize = 4096;
/// The answer is the pid of the process that gives it.
const PATH: &str = "/pid";

/// How clients use their connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    /// Each request has a connection of its own.
    Once,
    /// A connection is used until the server announces that it closes it.
    KeepAlive,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// The whole, right answer.
    Ok,
    /// Nobody listens.
    Refused,
    /// There was no connection for another reason, which may be the client's own.
    Unconnected,
    /// The connection broke before any of its answers.
    Reset,
    /// It broke after it had been used.
    ResetReused,
    /// It was closed in good order, but before any of its answers.
    Closed,
    /// It was closed after it had been used, without an announcement in the last answer. A client may
    /// repeat a request that changes nothing, and many do.
    ClosedReused,
    /// Only a part of the answer came.
    Truncated,
    /// Another answer than asked for.
    Wrong,
    Timeout,
}

/// What clients saw, all together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    outcomes: BTreeMap<Outcome, u64>,
    /// How many connections each process has taken.
    pub(crate) taken: BTreeMap<u32, u64>,
    /// How long each answer took, from the connect if there was one, in microseconds.
    pub(crate) latencies_us: Vec<u32>,
}

/// Clients at work, all on one thread.
pub(crate) struct Clients {
    left: Arc<AtomicU64>,
    thread: JoinHandle<io::Result<Seen>>,
}

impl Usage {
    pub(crate) const ALL: [Self; 2] = [Self::Once, Self::KeepAlive];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Once => "close",
            Self::KeepAlive => "keep-alive",
        }
    }
}

impl Outcome {
    pub(crate) const FAILURES: [Self; 9] = [
        Self::Refused,
        Self::Unconnected,
        Self::Reset,
        Self::ResetReused,
        Self::Closed,
        Self::ClosedReused,
        Self::Truncated,
        Self::Wrong,
        Self::Timeout,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Unconnected => "unconnected",
            Self::Reset => "reset",
            Self::ResetReused => "reset, reused",
            Self::Closed => "closed",
            Self::ClosedReused => "closed, reused",
            Self::Truncated => "truncated",
            Self::Wrong => "wrong",
            Self::Timeout => "timeout",
        }
    }

    fn of_connect(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::ConnectionReset => Self::Reset,
            ErrorKind::TimedOut => Self::Timeout,
            _ => Self::Unconnected,
        }
    }

    /// Of an answer of which only so much came before the connection ended.
    fn of_end(answer: &[u8], reset: bool, reused: bool) -> Self {
        match (answer.is_empty(), reset, reused) {
            (false, _, _) => Self::Truncated,
            (true, true, false) => Self::Reset,
            (true, true, true) => Self::ResetReused,
            (true, false, false) => Self::Closed,
            (true, false, true) => Self::ClosedReused,
        }
    }
}

impl Seen {
    pub(crate) fn count(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(&outcome).copied().unwrap_or(0)
    }

    pub(crate) fn failed(&self) -> u64 {
        Outcome::FAILURES.map(|outcome| self.count(outcome)).iter().sum()
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (outcome, count) in other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
        for (pid, count) in other.taken {
            *self.taken.entry(pid).or_default() += count;
        }
        self.latencies_us.extend(other.latencies_us);
    }

    /// With the latencies in order.
    pub(crate) fn sorted(mut self) -> Self {
        self.latencies_us.sort_unstable();
        self
    }

    #[cfg(test)]
    pub(crate) fn of(outcomes: &[(Outcome, u64)]) -> Self {
        Self { outcomes: outcomes.iter().copied().collect(), ..Self::default() }
    }

    fn add(&mut self, outcome: Outcome) {
        *self.outcomes.entry(outcome).or_default() += 1;
    }
}

impl Clients {
    /// Starts `count` clients, which each have one request after the other answered; `requests` in
    /// all, or until they are stopped.
    pub(crate) fn start(
        address: SocketAddr,
        count: usize,
        usage: Usage,
        requests: Option<u64>,
    ) -> Self {
        let left = Arc::new(AtomicU64::new(requests.unwrap_or(u64::MAX)));
        let shared = Arc::clone(&left);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Ok(runtime.block_on(async {
                let mut clients: JoinSet<Seen> =
                    (0..count).map(|_| client(address, usage, Arc::clone(&shared))).collect();
                let mut seen = Seen::default();
                while let Some(Ok(own)) = clients.join_next().await {
                    seen.merge(own);
                }
                seen
            }))
        });
        Self { left, thread }
    }

    /// Whether all requests are done.
    pub(crate) fn are_done(&self) -> bool {
        self.thread.is_finished()
    }

    /// Begins no further requests, and waits for those that are under way.
    pub(crate) fn stop(self) -> crate::Result<Seen> {
        self.left.store(0, Relaxed);
        Ok(self.thread.join().map_err(|_| "a client panicked")??)
    }
}

/// One client, as long as there are requests left.
async fn client(address: SocketAddr, usage: Usage, left: Arc<AtomicU64>) -> Seen {
    let head = match usage {
        Usage::Once => {
            format!("GET {PATH} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
        }
        Usage::KeepAlive => format!("GET {PATH} HTTP/1.1\r\nHost: {address}\r\n\r\n"),
    };
    let mut seen = Seen::default();
    let mut open = None;
    while left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
        let began = Instant::now();
        let reused = open.is_some();
        let asked = match open.take() {
            Some(stream) => ask(stream, &head, reused).await,
            None => match connect(address).await {
                Ok(stream) => ask(stream, &head, reused).await,
                Err(outcome) => Err(outcome),
            },
        };
        match asked {
            Ok((pid, stream)) => {
                let taken = u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX);
                seen.latencies_us.push(taken);
                seen.add(Outcome::Ok);
                if !reused {
                    *seen.taken.entry(pid).or_default() += 1;
                }
                open = stream;
            }
            Err(outcome) => seen.add(outcome),
        }
    }
    seen
}

async fn connect(address: SocketAddr) -> Result<TcpStream, Outcome> {
    match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(Outcome::of_connect(&error)),
        Err(_) => Err(Outcome::Timeout),
    }
}

/// The pid that answers, and the connection if it can be used again.
async fn ask(
    stream: TcpStream,
    head: &str,
    reused: bool,
) -> Result<(u32, Option<TcpStream>), Outcome> {
    match tokio::time::timeout(PATIENCE, exchange(stream, head, reused)).await {
        Ok(asked) => asked,
        Err(_) => Err(Outcome::Timeout),
    }
}

async fn exchange(
    mut stream: TcpStream,
    head: &str,
    reused: bool,
) -> Result<(u32, Option<TcpStream>), Outcome> {
    let mut buffer = [0; ANSWER_MAX];
    let mut length = 0;
    // A server that closes may have answered before: what counts is what can be read.
    let sent = stream.write_all(head.as_bytes()).await;
    loop {
        let read = stream.read(&mut buffer[length..]).await;
        match read {
            Ok(0) => return Err(Outcome::of_end(&buffer[..length], sent.is_err(), reused)),
            Ok(count) => length += count,
            Err(_) => return Err(Outcome::of_end(&buffer[..length], true, reused)),
        }
        if let Some(answer) = parse(&buffer[..length]) {
            let Answer { pid, closes } = answer?;
            return Ok((pid, (!closes).then_some(stream)));
        }
        if length == ANSWER_MAX {
            return Err(Outcome::Wrong);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Answer {
    pid: u32,
    closes: bool,
}

/// None while it is incomplete.
fn parse(bytes: &[u8]) -> Option<Result<Answer, Outcome>> {
    let text = str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let header = |name: &str| {
        let mut pairs = head.lines().filter_map(|line| line.split_once(':'));
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    let Some(length) = header("content-length").and_then(|value| value.parse::<usize>().ok())
    else {
        return Some(Err(Outcome::Wrong));
    };
    if body.len() < length {
        return None;
    }
    let closes = header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    match body.trim().parse() {
        Ok(pid) if head.starts_with("HTTP/1.1 200 ") => Some(Ok(Answer { pid, closes })),
        _ => Some(Err(Outcome::Wrong)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener};

    const KEPT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n7";
    const LAST: &str = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n7";

    /// Asserts what becomes of two requests to a server that gives each connection these answers,
    /// one for each request, and then closes it.
    #[track_caller]
    fn check(answers: &'static [&str], expected: &[(Outcome, u64)]) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("it is bound");
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                for answer in answers {
                    let asked = stream.read(&mut [0; 1024]).is_ok_and(|length| length > 0);
                    let _ = asked.then(|| stream.write_all(answer.as_bytes()));
                }
            }
        });
        let seen = all(Clients::start(address, 1, Usage::KeepAlive, Some(2)));
        let outcomes: Vec<_> = seen.outcomes.into_iter().collect();
        assert_eq!(outcomes, expected, "{answers:?}");
    }

    fn all(clients: Clients) -> Seen {
        while !clients.are_done() {
            std::thread::yield_now();
        }
        clients.stop().expect("they have asked")
    }

    #[test]
    fn each_end_has_its_name() {
        check(&[KEPT, KEPT], &[(Outcome::Ok, 2)]);
        check(&[LAST], &[(Outcome::Ok, 2)]);
        check(&["HTTP/1.1 200 OK\r\nContent-Le"], &[(Outcome::Truncated, 2)]);
        check(&["HTTP/1.1 503 No\r\nContent-Length: 1\r\n\r\n7"], &[(Outcome::Wrong, 2)]);
        check(&[""], &[(Outcome::Closed, 2)]);
        check(&[KEPT, ""], &[(Outcome::Ok, 1), (Outcome::ClosedReused, 1)]);
    }

    #[test]
    fn nobody_listens() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("it is bound");
        drop(listener);
        let seen = all(Clients::start(address, 2, Usage::Once, Some(3)));
        assert_eq!((seen.count(Outcome::Refused), seen.failed()), (3, 3));
    }

    #[test]
    fn an_answer_ends_where_it_says() {
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n7"), None);
        assert_eq!(parse(KEPT.as_bytes()), Some(Ok(Answer { pid: 7, closes: false })));
        assert_eq!(parse(LAST.as_bytes()), Some(Ok(Answer { pid: 7, closes: true })));
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n\r\n7"), Some(Err(Outcome::Wrong)));
    }
}
