//! How long a slot stays empty after a failure.

use super::{Settings, Time};

/// The crash loop of one slot, if it is in one.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct BackOff {
    failures: u32,
}

impl BackOff {
    /// Where another one has stopped.
    pub(super) fn after(failures: u32) -> Self {
        Self { failures }
    }

    /// The worker has failed, or could not be forked; `stable` says whether it had served for long
    /// enough before. Returns how long to wait: nothing after a stable life, then doubling.
    pub(super) fn failed(
        &mut self,
        stable: bool,
        settings: &Settings,
        jitter: &mut Jitter,
    ) -> Time {
        if stable {
            self.failures = 0;
            return Time::ZERO;
        }
        let doublings = self.failures.min(31);
        self.failures = self.failures.saturating_add(1);
        let delay = settings.first_delay.saturating_mul(1 << doublings).min(settings.max_delay);
        jitter.blur(delay, settings.jitter_percent).min(settings.max_delay)
    }

    /// How many failures there were since the last stable life.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }
}

/// A sequence of numbers without pattern, the same for the same seed (xorshift).
#[derive(Clone, Debug, Hash)]
pub(super) struct Jitter {
    state: u64,
}

impl Jitter {
    pub(super) fn new(seed: u64) -> Self {
        // Zero is the one state that xorshift never leaves.
        Self { state: seed.max(1) }
    }

    /// The time, up to so many percent shorter or longer.
    pub(super) fn blur(&mut self, time: Time, percent: u32) -> Time {
        if percent == 0 {
            return time;
        }
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let spread = percent.min(100) * 10;
        let offset = self.state % (u64::from(spread) * 2 + 1);
        let per_mille = 1000 - spread + offset as u32;
        (time / 1000).saturating_mul(per_mille)
    }
}
