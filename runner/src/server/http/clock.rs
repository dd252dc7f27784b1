//! A clock that is cheap enough to read several times in a request.

use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Time since boot, a few milliseconds coarse (clock_getres(2), CLOCK_MONOTONIC_COARSE).
pub(super) fn now() -> Duration {
    // The clock exists since Linux 2.6.32, so reading it cannot fail.
    clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE).map_or(Duration::ZERO, Duration::from)
}
