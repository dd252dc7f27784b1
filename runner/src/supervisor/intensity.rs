//! How often a server fails.

use super::{NEVER, Time};
use std::collections::VecDeque;

/// The failures of a server that count, against the number of them that is tolerated.
#[derive(Clone, Debug, Hash)]
pub(super) struct Intensity {
    window: Time,
    times: VecDeque<Time>,
}

impl Intensity {
    pub(super) fn new(window: Time) -> Self {
        Self { window, times: VecDeque::new() }
    }

    /// Notes a failure. Older ones than the last `tolerated` and one more are of no interest.
    pub(super) fn failed(&mut self, now: Time, tolerated: u32) {
        self.forget(now);
        self.times.push_back(now);
        while self.times.len() > to_usize(tolerated).saturating_add(1) {
            self.times.pop_front();
        }
    }

    /// Forgets what is out of the window.
    pub(super) fn forget(&mut self, now: Time) {
        while self.times.front().is_some_and(|at| at.saturating_add(self.window) <= now) {
            self.times.pop_front();
        }
    }

    /// Counts the failures of the last `window`, from now on.
    pub(super) fn set_window(&mut self, window: Time) {
        self.window = window;
    }

    /// Goes on with the failures that another one has counted.
    pub(super) fn restore(&mut self, mut times: Vec<Time>) {
        times.sort_unstable();
        self.times = times.into();
    }

    pub(super) fn times(&self) -> impl Iterator<Item = Time> {
        self.times.iter().copied()
    }

    /// Begins to count anew.
    pub(super) fn clear(&mut self) {
        self.times.clear();
    }

    pub(super) fn exceeds(&self, tolerated: u32) -> bool {
        self.times.len() > to_usize(tolerated)
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.times.len()).unwrap_or(u32::MAX)
    }

    /// When the next failure leaves the window, or `NEVER`.
    pub(super) fn changes_at(&self) -> Time {
        self.times.front().map_or(NEVER, |at| at.saturating_add(self.window))
    }

    pub(super) fn window(&self) -> Time {
        self.window
    }
}

fn to_usize(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
