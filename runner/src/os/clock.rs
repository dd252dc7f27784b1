//! The clock that all processes of a machine share.

use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// The time of CLOCK_MONOTONIC (clock_gettime(2)). It is the clock of [`std::time::Instant`] too, so
/// the age of what one process has noted by it is a difference to what another one reads now.
pub(crate) fn monotonic() -> Duration {
    // The clock exists on every Linux, so reading it cannot fail.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}
