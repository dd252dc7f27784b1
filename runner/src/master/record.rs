//! How the last workers ended.

use crate::control::protocol::Exit;
use crate::supervisor::Time;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How many are kept.
const EXITS_MAX: usize = 100;

/// The last ends of workers, and when they were.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Record(VecDeque<(Time, Exit)>);

impl Record {
    /// Notes one. If there are too many, the oldest is forgotten.
    pub(super) fn note(&mut self, now: Time, exit: Exit) {
        if self.0.len() == EXITS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((now, exit));
    }

    /// All of them with their age, oldest first.
    pub(super) fn exits(&self, now: Time) -> impl Iterator<Item = Exit> {
        self.0
            .iter()
            .map(move |(at, exit)| Exit { age_ms: millis(now.saturating_sub(*at)), ..exit.clone() })
    }
}

/// In whole milliseconds, as times are told to others.
pub(super) fn millis(time: Time) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(pid: i32) -> Exit {
        Exit {
            unix_time: 0,
            age_ms: 0,
            server: "web".to_owned(),
            slot: 0,
            generation: 1,
            pid,
            cause: "asked".into(),
            reason: None,
            exit_code: Some(0),
            signal: None,
            core: false,
            uptime_ms: 0,
            last_request: None,
        }
    }

    #[test]
    fn the_last_hundred_are_kept() {
        let mut record = Record::default();
        for pid in 0..250_i32 {
            record.note(Time::from_millis(u64::from(pid.unsigned_abs())), exit(pid));
        }
        let exits: Vec<_> = record.exits(Time::from_millis(1_000)).collect();
        let pids: Vec<_> = exits.iter().map(|exit| exit.pid).collect();
        assert_eq!(pids, (150..250).collect::<Vec<_>>());
        assert_eq!(exits[0].age_ms, 850);
    }
}
