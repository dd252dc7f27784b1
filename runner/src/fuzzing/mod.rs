//! Targets for a fuzzer: functions of arbitrary bytes that panic when something is wrong.
//!
//! The crate in `fuzz/` gives them to a fuzzer. Each has a folder of seeds there, `fuzz/corpus/NAME`,
//! which the tests of this module play as well, as they are and with random changes. What a fuzzer
//! finds becomes a seed.

mod configuration;
mod control;
mod directory;
mod hand_over;
mod pid_file;
#[cfg(test)]
mod tests;

pub use configuration::configuration;
pub use control::control;
pub use hand_over::hand_over;
pub use pid_file::pid_file;

/// A text that a supervisor hands over to another one.
pub fn ledger(data: &[u8]) {
    crate::supervisor::fuzz_ledger(data);
}

/// A program of events for the supervisor, in a simulated world that checks the invariants.
pub fn supervisor(data: &[u8]) {
    crate::supervisor::fuzz(data);
}
