//! How many workers a server with a range of them has, by its load.

use super::event::Load;

/// Its workers are busy from here on: in percent of one core each, on average.
const BUSY: u32 = 75;

/// With one worker fewer they would still be idle up to here.
const IDLE: u32 = 40;

/// How many looks in a row find it too small before it grows.
const LOOKS_TO_GROW: u32 = 2;

/// How many looks in a row find it too large before it shrinks by one.
const LOOKS_TO_SHRINK: u32 = 30;

/// The looks that agree. It grows fast, by at most half of what there is, and shrinks slowly, by one;
/// between the two thresholds nothing happens.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Elastic {
    busy: u32,
    idle: u32,
}

impl Elastic {
    /// Takes note of the load that `workers` of them, all READY, have. Returns how many there
    /// should be, if not these.
    pub(super) fn judge(&mut self, load: Load, workers: u32) -> Option<u32> {
        let Load { queued, busy_percent } = load;
        let busy = queued > 0 || busy_percent >= BUSY.saturating_mul(workers);
        let idle = queued == 0 && busy_percent < IDLE.saturating_mul(workers.saturating_sub(1));
        self.busy = if busy { self.busy + 1 } else { 0 };
        self.idle = if idle { self.idle + 1 } else { 0 };
        if self.busy >= LOOKS_TO_GROW {
            self.forget();
            Some(workers.saturating_add((workers / 2).max(1)))
        } else if self.idle >= LOOKS_TO_SHRINK {
            self.forget();
            Some(workers.saturating_sub(1))
        } else {
            None
        }
    }

    /// Begins to look anew, after another number was set.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}
