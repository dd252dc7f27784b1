//! Whose connections may break, and whose may not.

use runner_tests::{Failure, Outcome, Worker};
use std::time::Instant;

/// Workers that were ended without regard for their connections.
#[derive(Default)]
pub(crate) struct Doomed(Vec<Doom>);

struct Doom {
    pid: i32,
    /// Until when connections broke, at the earliest.
    from: Instant,
    /// When it had surely accepted its last one.
    until: Instant,
}

impl Doomed {
    /// Those that `end` ends. When it returns they accept nothing any more.
    pub(crate) fn by(workers: &[Worker], end: impl FnOnce(&[Worker])) -> Self {
        let from = Instant::now();
        end(workers);
        let until = Instant::now();
        Self(workers.iter().map(|worker| Doom { pid: worker.pid, from, until }).collect())
    }

    /// Adds others.
    pub(crate) fn merge(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Whether a request was lost with one of them: on a connection that was its own, or that may
    /// have been, because nobody had answered on it yet.
    pub(crate) fn permits(&self, failure: &Failure) -> bool {
        let broken = match failure.outcome {
            Outcome::ResetFresh
            | Outcome::ResetReused
            | Outcome::ClosedFresh
            | Outcome::ClosedReused
            | Outcome::Truncated => true,
            Outcome::Answered | Outcome::Refused | Outcome::Wrong | Outcome::TimedOut => false,
        };
        let is_its_own = |doom: &Doom| match &failure.holder {
            Some(holder) => holder.pid == doom.pid,
            None => failure.began <= doom.until && doom.from <= failure.ended,
        };
        broken && self.0.iter().any(is_its_own)
    }
}
