//! What a program has printed.

use crate::PATIENCE;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How many streams a program prints to.
const STREAMS: u32 = 2;

/// The lines of a program so far, of both streams.
#[derive(Default)]
pub(crate) struct Printed {
    seen: Mutex<Seen>,
    more: Condvar,
}

#[derive(Default)]
struct Seen {
    lines: Vec<String>,
    /// How many streams have no writer any more.
    closed: u32,
}

impl Printed {
    /// Collects the lines of a stream, on a thread, until it has no writer any more.
    pub(crate) fn collect(self: &Arc<Self>, stream: impl Read + Send + 'static) {
        let printed = self.clone();
        std::thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while stream.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                line.clear();
                printed.seen().lines.push(text);
                printed.more.notify_all();
            }
            printed.seen().closed += 1;
            printed.more.notify_all();
        });
    }

    /// Waits until `count` lines contain `text` and returns the last of them.
    pub(crate) fn wait_for_nth(&self, text: &str, count: usize) -> String {
        self.wait(&format!("`{text}` ({count})"), |seen| {
            let mut lines = seen.lines.iter().filter(|line| line.contains(text));
            lines.nth(count - 1).cloned()
        })
    }

    /// All lines; waits until nothing holds the streams any more.
    pub(crate) fn all_lines(&self) -> Vec<String> {
        self.wait("end of the streams", |seen| (seen.closed == STREAMS).then(|| seen.lines.clone()))
    }

    /// The lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().lines.clone()
    }

    /// Waits until `probe` finds something. Panics with all lines when that takes too long.
    fn wait<T>(&self, what: &str, probe: impl Fn(&Seen) -> Option<T>) -> T {
        let began = Instant::now();
        let mut seen = self.seen();
        loop {
            if let Some(found) = probe(&seen) {
                return found;
            }
            let left = PATIENCE.saturating_sub(began.elapsed());
            assert!(!left.is_zero(), "no {what} in:\n{}", seen.lines.join("\n"));
            let waited = self.more.wait_timeout(seen, left);
            seen = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A test that fails while it looks is no reason for the others to.
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
