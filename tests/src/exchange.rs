//! A connection on which requests are answered or fail in a way that has a name.

use crate::buckets::{Failure, Identity, Outcome, pattern};
use runner::Address;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How long a client waits for anything: longer than two lost packets of a handshake take to come
/// again (RFC 6298, 2.1 and 5.5), and than a queue that waits for a worker.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A connection of a client.
pub(crate) struct Connection {
    socket: Socket,
    /// What has come and was not asked for yet.
    received: Vec<u8>,
    began: Instant,
    holder: Option<Identity>,
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Connection {
    pub(crate) fn open(address: &Address) -> Result<Self, Failure> {
        let began = Instant::now();
        let socket = Socket::connect(address).map_err(|error| {
            let outcome = match error.kind() {
                ErrorKind::ConnectionRefused | ErrorKind::NotFound => Outcome::Refused,
                ErrorKind::ConnectionReset => Outcome::ResetFresh,
                ErrorKind::TimedOut | ErrorKind::WouldBlock => Outcome::TimedOut,
                _ => Outcome::Wrong,
            };
            let (ended, detail) = (Instant::now(), format!("connect: {error}"));
            Failure { outcome, holder: None, began, ended, detail }
        })?;
        Ok(Self { socket, received: Vec::new(), began, holder: None })
    }

    /// Sends; a server that has closed may have answered before, so that is not looked at yet.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), Failure> {
        match self.socket.write_all(bytes.as_ref()) {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                Err(self.lost(0, Err(error)))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(self.lost(0, Err(error))),
            _ => Ok(()),
        }
    }

    /// Reads an answer with a body of so many bytes. Whether it is the last one on this connection.
    pub(crate) fn answer(&mut self, length: usize) -> Result<bool, Failure> {
        let closes = self.head(length)?;
        self.body(pattern(length))?;
        Ok(closes)
    }

    /// Reads the head of an answer with a body of so many bytes. Whether it is the last one.
    pub(crate) fn head(&mut self, length: usize) -> Result<bool, Failure> {
        let end = b"\r\n\r\n";
        let head = self.read_until(end)?.to_ascii_lowercase();
        let value = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let expected = head.starts_with("http/1.1 200 ")
            && value("content-length").and_then(|value| value.parse().ok()) == Some(length);
        let identity = value("identity").and_then(Identity::parse);
        let closes = value("connection") == Some("close");
        self.answered_by(identity.filter(|_| expected), &head)?;
        Ok(closes)
    }

    /// Reads a piece of a body.
    pub(crate) fn body(&mut self, expected: &[u8]) -> Result<(), Failure> {
        while self.received.len() < expected.len() {
            // The head came before it.
            self.fill(1)?;
        }
        if self.received[..expected.len()] != *expected {
            return Err(self.failure(Outcome::Wrong, "another body"));
        }
        self.received.drain(..expected.len());
        Ok(())
    }

    /// Reads a line that says who has written it.
    pub(crate) fn line(&mut self) -> Result<(), Failure> {
        let line = self.read_until(b"\n")?;
        self.answered_by(Identity::parse(&line), &line)
    }

    /// Waits until the server has closed the connection in an orderly way.
    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        let came = std::mem::take(&mut self.received).len();
        match self.socket.read(&mut [0]) {
            Ok(0) if came == 0 => Ok(()),
            Ok(more) => {
                let detail = format!("{} bytes and more after the last answer", came + more);
                Err(self.failure(Outcome::Wrong, &detail))
            }
            Err(error) => {
                Err(self.failure(Outcome::ResetReused, &format!("after the last answer: {error}")))
            }
        }
    }

    fn answered_by(&mut self, identity: Option<Identity>, answer: &str) -> Result<(), Failure> {
        let is_known = self.holder.is_none() || self.holder == identity;
        if identity.is_none() || !is_known {
            return Err(self.failure(Outcome::Wrong, &format!("{answer:?}")));
        }
        self.holder = identity;
        Ok(())
    }

    fn read_until(&mut self, end: &[u8]) -> Result<String, Failure> {
        loop {
            let position = self.received.windows(end.len()).position(|bytes| bytes == end);
            if let Some(position) = position {
                let text = self.received.drain(..position + end.len()).collect::<Vec<_>>();
                return Ok(String::from_utf8_lossy(&text).into_owned());
            }
            self.fill(self.received.len())?;
        }
    }

    /// Reads more of an answer of which so much has come.
    fn fill(&mut self, came: usize) -> Result<(), Failure> {
        let mut piece = [0; 16 * 1024];
        match self.socket.read(&mut piece) {
            Ok(length) if length > 0 => {
                self.received.extend_from_slice(&piece[..length]);
                Ok(())
            }
            ended => Err(self.lost(came, ended.map(drop))),
        }
    }

    /// How the connection was lost when so much of an answer had come.
    fn lost(&self, came: usize, how: io::Result<()>) -> Failure {
        let is_reset = how.is_err();
        let outcome = match (&how, came, &self.holder) {
            (Err(error), ..) if error.kind() == ErrorKind::WouldBlock => Outcome::TimedOut,
            (_, 1.., _) => Outcome::Truncated,
            (_, _, None) if is_reset => Outcome::ResetFresh,
            (_, _, Some(_)) if is_reset => Outcome::ResetReused,
            (_, _, None) => Outcome::ClosedFresh,
            (_, _, Some(_)) => Outcome::ClosedReused,
        };
        let how = how.map_or_else(|error| error.to_string(), |()| "closed".to_owned());
        self.failure(outcome, &how)
    }

    fn failure(&self, outcome: Outcome, detail: &str) -> Failure {
        let detail = format!("{} {detail}", self.socket.name());
        let (holder, ended) = (self.holder.clone(), Instant::now());
        Failure { outcome, holder, began: self.began, ended, detail }
    }
}

impl Socket {
    fn connect(address: &Address) -> io::Result<Self> {
        Ok(match address {
            Address::Ip(address) => {
                let stream = TcpStream::connect_timeout(address, ANSWER_WITHIN)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(ANSWER_WITHIN))?;
                stream.set_write_timeout(Some(ANSWER_WITHIN))?;
                Self::Tcp(stream)
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(ANSWER_WITHIN))?;
                stream.set_write_timeout(Some(ANSWER_WITHIN))?;
                Self::Unix(stream)
            }
            _ => return Err(ErrorKind::Unsupported.into()),
        })
    }

    /// How the server sees it.
    fn name(&self) -> String {
        match self {
            Self::Tcp(stream) => stream
                .local_addr()
                .map_or_else(|error| error.to_string(), |address| address.to_string()),
            Self::Unix(_) => "unix".to_owned(),
        }
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(bytes),
            Self::Unix(stream) => stream.read(bytes),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes),
            Self::Unix(stream) => stream.write_all(bytes),
        }
    }
}
