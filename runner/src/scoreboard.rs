//! What a worker shows of itself while it works: a row of numbers in memory that it shares with its
//! master.
//!
//! Each worker process has a row of its own and writes it without a lock; its master reads it at any
//! time, even when the worker hangs or has crashed. A worker can write anything there, so a reader
//! takes nothing in it for granted.

use crate::os::shared_memory::{SharedMemory, WORDS};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// The number that a row of this layout begins with. Another layout needs another one.
const LAYOUT: u64 = u64::from_le_bytes(*b"runner\0\x02");

/// Where in the row everything is.
mod field {
    pub(super) const LAYOUT: usize = 0;
    /// Nanoseconds of CLOCK_MONOTONIC.
    pub(super) const HEARTBEAT: usize = 1;
    pub(super) const ACCEPTED: usize = 2;
    pub(super) const CLOSED: usize = 3;
    pub(super) const BEGUN: usize = 4;
    pub(super) const ENDED: usize = 5;
    pub(super) const ACCEPT_FAILURES: usize = 6;
    /// Not zero while the worker takes no connections because of their number.
    pub(super) const FULL: usize = 7;
    /// Up to the end of `REQUEST`: a text that ends with a zero byte.
    pub(super) const REQUEST: std::ops::Range<usize> = 8..24;
}

const _: () = assert!(field::REQUEST.end <= WORDS);

/// The room for the last request, in words and in bytes, of which one ends it.
const REQUEST_WORDS: usize = field::REQUEST.end - field::REQUEST.start;
const REQUEST_SIZE: usize = size_of::<u64>() * REQUEST_WORDS;

/// The row of a worker. Clones are the same row, and so are copies in processes that fork.
#[derive(Clone, Debug)]
pub(crate) struct Row(Arc<SharedMemory>);

/// How much a worker has done and is doing. The numbers are from nearly the same time, not from
/// exactly the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Open connections.
    pub(crate) connections: u64,
    /// Connections taken so far.
    pub(crate) accepted: u64,
    /// Requests begun so far; for a server of another protocol, messages.
    pub(crate) requests: u64,
    /// Those that have not ended.
    pub(crate) active: u64,
    /// How often the worker could not take a connection, for want of descriptors or memory.
    pub(crate) accept_failures: u64,
}

/// What is asked, such as `GET /path`: at most 127 bytes of it.
pub(crate) struct Asked {
    words: [u64; REQUEST_WORDS],
    /// As many as hold the text and the zero at its end.
    used: usize,
}

impl Asked {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        let mut text = [0; REQUEST_SIZE];
        let mut length = 0;
        let separator = if path.is_empty() { "" } else { " " };
        for part in [method, separator, path] {
            let room = &mut text[length..REQUEST_SIZE - 1];
            let taken = part.len().min(room.len());
            room[..taken].copy_from_slice(&part.as_bytes()[..taken]);
            length += taken;
        }
        let (bytes, _) = text.as_chunks();
        let mut words = [0; REQUEST_WORDS];
        for (word, bytes) in words.iter_mut().zip(bytes) {
            *word = u64::from_le_bytes(*bytes);
        }
        Self { words, used: length / size_of::<u64>() + 1 }
    }

    /// Writes as much of it as there is room for.
    pub(crate) fn store(&self, into: &[AtomicU64]) {
        let words = self.used.min(into.len());
        for (word, value) in into.iter().zip(self.words).take(words) {
            word.store(value, Relaxed);
        }
        if self.used > words
            && let Some(last) = into.last()
        {
            last.store(self.words[words - 1] & (u64::MAX >> u8::BITS), Relaxed);
        }
    }

    /// What was written, of which bytes that are not printable are escaped. It may be torn.
    pub(crate) fn read(from: &[AtomicU64]) -> Option<String> {
        let bytes: Vec<u8> =
            from.iter().flat_map(|word| word.load(Relaxed).to_le_bytes()).collect();
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        (!text.is_empty()).then(|| text.escape_ascii().to_string())
    }
}

impl Row {
    /// A row in which nothing has happened.
    pub(crate) fn create() -> io::Result<Self> {
        let row = Self(Arc::new(SharedMemory::create()?));
        row.word(field::LAYOUT).store(LAYOUT, Relaxed);
        Ok(row)
    }

    /// A row that another process has created. An error when it is none of this layout.
    pub(crate) fn adopt(descriptor: OwnedFd) -> io::Result<Self> {
        let row = Self(Arc::new(SharedMemory::adopt(descriptor)?));
        if row.word(field::LAYOUT).load(Relaxed) != LAYOUT {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its layout is another"));
        }
        Ok(row)
    }

    /// Shows that the worker was at work at `now`, by [`monotonic`](crate::os::clock::monotonic).
    pub(crate) fn stamp(&self, now: Duration) {
        let nanos = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        self.word(field::HEARTBEAT).store(nanos, Relaxed);
    }

    /// A connection was taken.
    pub(crate) fn accepted(&self) {
        self.add_one(field::ACCEPTED);
    }

    /// A connection is closed.
    pub(crate) fn closed(&self) {
        self.add_one(field::CLOSED);
    }

    /// A connection could not be taken.
    pub(crate) fn accept_failed(&self) {
        self.add_one(field::ACCEPT_FAILURES);
    }

    /// Whether the worker takes no connections because of their number.
    pub(crate) fn show_full(&self, full: bool) {
        self.word(field::FULL).store(full.into(), Relaxed);
    }

    /// A request has begun; its number, counted from 1.
    pub(crate) fn request_begun(&self, asked: &Asked) -> u64 {
        asked.store(self.words(field::REQUEST));
        self.add_one(field::BEGUN)
    }

    /// A request has ended, with or without an answer.
    pub(crate) fn request_ended(&self) {
        self.add_one(field::ENDED);
    }

    /// When the worker was last at work, as it says: a time of
    /// [`monotonic`](crate::os::clock::monotonic), which may lie in the future if the worker lies.
    /// None before its first sign of life.
    pub(crate) fn heartbeat(&self) -> Option<Duration> {
        let nanos = self.word(field::HEARTBEAT).load(Relaxed);
        (nanos != 0).then(|| Duration::from_nanos(nanos))
    }

    /// What the worker says that it has done.
    pub(crate) fn counts(&self) -> Counts {
        let read = |index| self.word(index).load(Relaxed);
        // The ends first: what begins meanwhile is then in progress, and nothing ends before it has
        // begun.
        let (closed, ended) = (read(field::CLOSED), read(field::ENDED));
        let (accepted, requests) = (read(field::ACCEPTED), read(field::BEGUN));
        Counts {
            connections: accepted.saturating_sub(closed),
            accepted,
            requests,
            active: requests.saturating_sub(ended),
            accept_failures: read(field::ACCEPT_FAILURES),
        }
    }

    /// Whether the worker says that it takes no more connections.
    pub(crate) fn is_full(&self) -> bool {
        self.word(field::FULL).load(Relaxed) != 0
    }

    /// What was last asked of the worker. It may be torn from two requests.
    pub(crate) fn last_request(&self) -> Option<String> {
        Asked::read(self.words(field::REQUEST))
    }

    fn add_one(&self, index: usize) -> u64 {
        self.word(index).fetch_add(1, Relaxed).wrapping_add(1)
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        &self.0.words()[index]
    }

    fn words(&self, range: std::ops::Range<usize>) -> &[AtomicU64] {
        &self.0.words()[range]
    }
}

/// The descriptor by which another process can [adopt](Row::adopt) the row.
impl AsFd for Row {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::clock::monotonic;

    fn adopted(row: &Row) -> io::Result<Row> {
        Row::adopt(row.as_fd().try_clone_to_owned()?)
    }

    #[test]
    fn what_is_written_is_read() {
        let row = Row::create().unwrap();
        let reader = adopted(&row).unwrap();
        assert_eq!(reader.heartbeat(), None);
        assert_eq!(reader.counts(), Counts::default());
        assert_eq!(reader.last_request(), None);

        let now = monotonic();
        row.stamp(now);
        row.accepted();
        row.accepted();
        row.closed();
        assert_eq!(row.request_begun(&Asked::new("GET", "/slow")), 1);
        assert_eq!(row.request_begun(&Asked::new("receive", "")), 2);
        row.request_ended();
        row.accept_failed();
        let expected =
            Counts { connections: 1, accepted: 2, requests: 2, active: 1, accept_failures: 1 };
        assert_eq!(reader.counts(), expected);
        assert_eq!(reader.heartbeat(), Some(now));
        for full in [true, false] {
            row.show_full(full);
            assert_eq!(reader.is_full(), full);
        }
        assert_eq!(reader.last_request().as_deref(), Some("receive"));
    }

    #[test]
    fn the_last_request_is_cut_and_printable() {
        let row = Row::create().unwrap();
        let long = "x".repeat(1000);
        for (method, path, expected) in [
            ("GET", "/", "GET /".to_owned()),
            ("GET", &long, format!("GET {}", &long[..REQUEST_SIZE - 5])),
            (&long, "/", long[..REQUEST_SIZE - 1].to_owned()),
            ("DELETE", "/12345678", "DELETE /12345678".to_owned()),
            ("GET", "/\n\u{1b}[2Jü", r"GET /\n\x1b[2J\xc3\xbc".to_owned()),
            ("GET", "/a\0b", "GET /a".to_owned()),
        ] {
            row.request_begun(&Asked::new(method, path));
            assert_eq!(row.last_request(), Some(expected));
        }
    }

    #[test]
    fn what_is_asked_is_cut_to_the_room_for_it() {
        for (path, expected) in [
            ("/", "GET /"),
            ("/1234567890", "GET /1234567890"),
            ("/12345678901", "GET /1234567890"),
            ("/12345678901234567890", "GET /1234567890"),
        ] {
            let room = [const { AtomicU64::new(u64::MAX) }; 2];
            Asked::new("GET", path).store(&room);
            assert_eq!(Asked::read(&room).as_deref(), Some(expected), "{path}");
        }
    }

    /// The master survives whatever a worker writes.
    #[test]
    fn a_hostile_row_is_read_without_harm() {
        for word in [u64::MAX, 0x0a1b_8080_ffff_0d0a, 1] {
            let row = Row::create().unwrap();
            row.words(1..WORDS).iter().for_each(|field| field.store(word, Relaxed));
            let counts = row.counts();
            assert_eq!((counts.connections, counts.active), (0, 0));
            assert_eq!(row.heartbeat(), Some(Duration::from_nanos(word)));
            let text = row.last_request().unwrap();
            assert!(text.is_ascii() && !text.contains(|c: char| c.is_ascii_control()), "{text}");
            assert!(text.len() <= 4 * REQUEST_SIZE);
        }
        let ended_too_often = Row::create().unwrap();
        ended_too_often.request_ended();
        ended_too_often.closed();
        assert_eq!(ended_too_often.counts(), Counts::default());
    }

    #[test]
    fn another_layout_is_refused() {
        let row = Row::create().unwrap();
        row.word(field::LAYOUT).store(LAYOUT + 1, Relaxed);
        assert!(adopted(&row).is_err());
    }
}
