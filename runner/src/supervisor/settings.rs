//! What a supervisor is told once, when it is made.

use super::Time;

/// What holds for every server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// How long a worker that was told to stop may take before it is killed. Default: 3 s.
    pub(crate) stop_grace: Time,
    /// How long after its server's `drain_timeout` a worker that is still draining is killed; a
    /// worker ends its drain by itself, so this is only for those that hang. Default: 1 s.
    pub(crate) drain_margin: Time,
    /// How many of a server's slots, in percent and rounded up, may have a successor starting at
    /// the same time. Default: 25.
    pub(crate) surge_percent: u32,
    /// The first delay before a crashed worker is forked again; it doubles with each further
    /// failure. Default: 100 ms.
    pub(crate) first_delay: Time,
    /// The longest such delay. Default: 30 s.
    pub(crate) max_delay: Time,
    /// A worker that was READY for this long ends the crash loop of its slot. Default: 1 s.
    pub(crate) stable_after: Time,
    /// By how many percent a delay may be shorter or longer, so that slots that failed together do
    /// not come back together. At most 100. Default: 10.
    pub(crate) jitter_percent: u32,
    /// Where the jitter starts from: the same seed gives the same delays. Default: 1.
    pub(crate) seed: u64,
}

/// What one server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerSettings {
    /// How many slots it has. Zero is a server without processes.
    pub(crate) workers: u32,
    /// How long after its fork a worker may take to be READY.
    pub(crate) start_timeout: Time,
    /// How long a worker may take to drain.
    pub(crate) drain_timeout: Time,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            stop_grace: Time::from_secs(3),
            drain_margin: Time::from_secs(1),
            surge_percent: 25,
            first_delay: Time::from_millis(100),
            max_delay: Time::from_secs(30),
            stable_after: Time::from_secs(1),
            jitter_percent: 10,
            seed: 1,
        }
    }
}
