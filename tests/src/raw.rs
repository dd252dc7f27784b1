//! A client that sends any bytes and sees all that comes back; and what it costs the server.

use crate::client::connect;
use crate::inspect::{descriptors, proc_status, stat_field};
use nix::sys::socket::{setsockopt, sockopt::Linger};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// A connection. Its methods panic where a server that works makes them succeed.
pub struct Raw(TcpStream);

/// What came until the connection ended, and how it did.
#[derive(Debug)]
pub struct Rest {
    /// What came.
    pub bytes: Vec<u8>,
    /// None when the server closed it in an orderly way.
    pub error: Option<io::ErrorKind>,
}

impl Raw {
    /// Connects.
    #[must_use]
    pub fn to(address: SocketAddr) -> Self {
        Self(connect(address).expect("a connection"))
    }

    /// Connects and sends.
    #[must_use]
    pub fn sending(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Self {
        let mut raw = Self::to(address);
        raw.send(bytes);
        raw
    }

    /// The same connection for another thread.
    #[must_use]
    pub fn sharing(&mut self) -> Self {
        Self(self.0.try_clone().expect("a descriptor"))
    }

    /// Sends everything.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the server takes it");
    }

    /// Sends to a server that may have closed.
    ///
    /// # Errors
    /// What sending gave.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.0.write_all(bytes.as_ref())
    }

    /// Waits for exactly so many bytes.
    #[must_use]
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).expect("as many bytes");
        bytes
    }

    /// Waits for what comes next, as text; empty at the end.
    #[must_use]
    pub fn text(&mut self) -> String {
        let mut bytes = [0; 4096];
        let length = self.0.read(&mut bytes).expect("bytes or the end");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    /// Waits for the text that must come next.
    pub fn expect(&mut self, text: &str) {
        let came = self.take(text.len());
        assert_eq!(String::from_utf8_lossy(&came), text);
    }

    /// Waits for the rest of the head of a response.
    #[must_use]
    pub fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.take(1));
        }
        String::from_utf8_lossy(&head).to_lowercase()
    }

    /// Waits for the end of the connection.
    #[must_use]
    pub fn rest(mut self) -> Rest {
        let mut bytes = Vec::new();
        let error = self.0.read_to_end(&mut bytes).err();
        let error = error.map(|error| error.kind());
        assert_ne!(
            error,
            Some(io::ErrorKind::WouldBlock),
            "it stays open; so far: {:?}",
            Rest { bytes, error }.text()
        );
        Rest { bytes, error }
    }

    /// Ends our side; the other stays open.
    pub fn end(&mut self) {
        self.0.shutdown(Shutdown::Write).expect("an open connection");
    }

    /// Breaks the connection, as a crash of the client does.
    pub fn reset(self) {
        let at_once = nix::libc::linger { l_onoff: 1, l_linger: 0 };
        setsockopt(&self.0, Linger, &at_once).expect("an open socket");
    }

    /// The socket itself.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.0
    }

    /// Our own address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("an open socket")
    }
}

impl Rest {
    /// What came, as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// The CPU time that a process has used.
#[must_use]
pub fn cpu_time(pid: i32) -> Duration {
    // In ticks, of which Linux shows 100 a second on every machine (time(7), USER_HZ).
    let ticks: i64 = [14, 15].iter().filter_map(|field| stat_field(pid, *field)).sum();
    Duration::from_millis(ticks.unsigned_abs() * 10)
}

/// The memory that a process uses now, in bytes.
#[must_use]
pub fn memory(pid: i32) -> u64 {
    let status = proc_status(pid);
    let kibibytes = status["VmRSS"].trim_end_matches(" kB");
    kibibytes.parse::<u64>().expect("a number") * 1024
}

/// Leaves a process as many descriptors as it has and `spare` more; none for no limit.
pub fn limit_descriptors(pid: i32, spare: Option<usize>) {
    try_limit_descriptors(pid, spare).expect("a process of ours");
}

/// The same for a process that may be gone.
///
/// # Errors
/// What the kernel says when it is.
pub fn try_limit_descriptors(pid: i32, spare: Option<usize>) -> io::Result<()> {
    // The limit is on numbers, and those below it may have gaps.
    let open: Vec<_> = descriptors(pid).into_iter().map(|(number, _)| number).collect();
    let gaps = (0..).filter(|number| !open.contains(number));
    let limit = spare.map_or(1024, |spare| gaps.take(spare + 1).last().unwrap_or(0));
    let limit = Rlimit { current: Some(limit.into()), maximum: Some(1024) };
    prlimit(Pid::from_raw(pid), Resource::Nofile, limit)?;
    Ok(())
}
