//! What became of requests, sorted into buckets, and who has answered.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;
use std::time::Instant;

/// The longest answer that can be checked.
const PATTERN_MAX: usize = 8 << 20;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The right answer, whole.
    Answered,
    /// Nobody listens.
    Refused,
    /// The connection was reset before its first answer.
    ResetFresh,
    /// The connection was reset after it had been answered on, with nothing of another answer.
    ResetReused,
    /// The connection was closed before its first answer.
    ClosedFresh,
    /// The connection was closed after it had been answered on, with nothing of another answer. A
    /// client may send again what it has asked (RFC 9112, 9.3.1).
    ClosedReused,
    /// A part of the answer came.
    Truncated,
    /// Something else came.
    Wrong,
    /// Nothing came in time.
    TimedOut,
}

/// The worker that has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name of its server.
    pub server: String,
    /// Its slot.
    pub slot: u32,
    /// Its generation.
    pub generation: u32,
    /// Its process.
    pub pid: i32,
}

/// A request that was not answered.
#[derive(Clone, Debug)]
pub struct Failure {
    /// In what way.
    pub outcome: Outcome,
    /// Who has answered on the connection before.
    pub holder: Option<Identity>,
    /// When the client began to connect.
    pub began: Instant,
    /// When it knew.
    pub ended: Instant,
    /// What exactly has happened.
    pub detail: String,
}

/// How many requests of which client have ended how.
#[derive(Debug, Default)]
pub struct Buckets {
    counts: BTreeMap<String, BTreeMap<Outcome, u64>>,
    failures: Vec<(String, Failure)>,
}

/// The content of an answer of so many bytes, at most 8 MiB.
#[must_use]
pub fn pattern(length: usize) -> &'static [u8] {
    // A prime number of bytes, so that no piece stands where one of the same content stood.
    const PERIOD: u8 = 251;
    static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let period: Vec<u8> = (0..PERIOD).collect();
        period.repeat(PATTERN_MAX / usize::from(PERIOD) + 1)
    });
    &PATTERN[..length]
}

impl Outcome {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Answered, "ok"),
        (Self::Refused, "refused"),
        (Self::ResetFresh, "reset fresh"),
        (Self::ResetReused, "reset reused"),
        (Self::ClosedFresh, "closed fresh"),
        (Self::ClosedReused, "closed reused"),
        (Self::Truncated, "truncated"),
        (Self::Wrong, "wrong"),
        (Self::TimedOut, "timed out"),
    ];
}

impl Identity {
    /// Reads `server slot generation pid`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.trim_end().split(' ');
        let server = words.next()?.to_owned();
        let mut number = || words.next()?.parse::<u32>().ok();
        let (slot, generation, pid) = (number()?, number()?, number()?);
        Some(Self { server, slot, generation, pid: pid.cast_signed() })
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.server, self.slot, self.generation, self.pid)
    }
}

impl Buckets {
    /// Counts an answer to a client.
    pub fn answered(&mut self, client: &str) {
        self.count(client, Outcome::Answered, 1);
    }

    /// Counts what went wrong for a client.
    pub fn failed(&mut self, client: &str, failure: Failure) {
        self.count(client, failure.outcome, 1);
        self.failures.push((client.to_owned(), failure));
    }

    /// Adds those of others.
    pub fn merge(&mut self, others: Self) {
        for (client, counts) in others.counts {
            for (outcome, count) in counts {
                self.count(&client, outcome, count);
            }
        }
        self.failures.extend(others.failures);
    }

    /// How many requests ended like this.
    #[must_use]
    pub fn total(&self, outcome: Outcome) -> u64 {
        self.counts.values().filter_map(|counts| counts.get(&outcome)).sum()
    }

    /// How many requests failed.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.failures.len()
    }

    /// Asserts that nothing failed but what is `permitted`, by client, and that every client was
    /// answered.
    pub fn assert_only(&self, what: &str, permitted: impl Fn(&str, &Failure) -> bool) {
        let lost = self.failures.iter().filter(|(client, failure)| !permitted(client, failure));
        let lost: Vec<_> = lost.map(|(client, failure)| format!("{client}: {failure:?}")).collect();
        let shown = lost.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
        assert!(lost.is_empty(), "{what}: {} lost\n{self}\n{shown}", lost.len());
        let answered = self.counts.values().all(|counts| counts.contains_key(&Outcome::Answered));
        assert!(answered && !self.counts.is_empty(), "{what}: a client got nothing\n{self}");
    }

    fn count(&mut self, client: &str, outcome: Outcome, by: u64) {
        *self.counts.entry(client.to_owned()).or_default().entry(outcome).or_default() += by;
    }
}

/// A table: a line for each client, a column for each bucket.
impl fmt::Display for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:32}", "")?;
        for (_, name) in Outcome::ALL {
            write!(f, "{name:>14}")?;
        }
        for (client, counts) in &self.counts {
            write!(f, "\n{client:32}")?;
            for (outcome, _) in Outcome::ALL {
                write!(f, "{:14}", counts.get(&outcome).unwrap_or(&0))?;
            }
        }
        Ok(())
    }
}
