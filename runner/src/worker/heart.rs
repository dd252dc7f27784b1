//! The sign of life of a worker.

use crate::os::clock::monotonic;
use crate::scoreboard::Row;
use std::time::Duration;
use tokio::runtime::{Handle, RuntimeMetrics};
use tokio::time::{MissedTickBehavior, interval};

/// How often the heart beats within the time after which the worker counts as hung.
const BEATS: u32 = 4;

/// The least time between two beats.
const INTERVAL_MIN: Duration = Duration::from_millis(1);

/// Shows in `row` that the runtime is at work, four times in `timeout`, for as long as it is: no
/// longer than until one of its threads does not come back from a task. Threads for blocking work,
/// and those that handlers start, may take their time.
pub(super) async fn beat(row: Row, timeout: Duration) {
    let mut threads = Threads::of_this_runtime();
    let mut interval = interval((timeout / BEATS).max(INTERVAL_MIN));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        row.stamp(threads.last_sign(monotonic()));
    }
}

/// What is known of the threads of the runtime that runs this.
struct Threads {
    metrics: RuntimeMetrics,
    looks: Vec<Look>,
    looked: Duration,
}

/// What a thread was seen at.
#[derive(Clone, Copy)]
struct Look {
    work: Work,
    /// When it was certainly not stuck.
    sign: Duration,
}

/// The work of a thread; different whenever it has begun to wait, ended waiting, or taken a look
/// around after some tasks.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Work {
    parks: u64,
    busy: Duration,
}

impl Work {
    fn of(metrics: &RuntimeMetrics, thread: usize) -> Self {
        Self {
            parks: metrics.worker_park_unpark_count(thread),
            busy: metrics.worker_total_busy_duration(thread),
        }
    }

    fn is_waiting(self) -> bool {
        self.parks % 2 == 1
    }
}

impl Look {
    /// Looks again at `now`, after having looked at `before`.
    fn again(&mut self, work: Work, before: Duration, now: Duration) {
        if work.is_waiting() {
            self.sign = now;
        } else if work != self.work {
            // It may have got stuck right after the last look.
            self.sign = before;
        }
        self.work = work;
    }
}

impl Threads {
    fn of_this_runtime() -> Self {
        let metrics = Handle::current().metrics();
        let looked = monotonic();
        let look = |thread| Look { work: Work::of(&metrics, thread), sign: looked };
        Self { looks: (0..metrics.num_workers()).map(look).collect(), metrics, looked }
    }

    /// The time at which, for all that can be known at `now`, no thread was stuck.
    fn last_sign(&mut self, now: Duration) -> Duration {
        // The only one is the one that asks.
        if self.looks.len() == 1 {
            return now;
        }
        for (thread, look) in self.looks.iter_mut().enumerate() {
            look.again(Work::of(&self.metrics, thread), self.looked, now);
        }
        self.looked = now;
        self.looks.iter().map(|look| look.sign).min().unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A thread that waits is well, one that gets on was so at the last look, and one that does
    /// neither was so when it last did.
    #[test]
    fn a_thread_that_does_not_come_back_is_noticed() {
        let work = |parks, busy| Work { parks, busy: seconds(busy) };
        let mut look = Look { work: work(0, 0), sign: seconds(10) };
        for (now, seen, sign) in [
            (11, work(1, 0), 11),
            (12, work(1, 0), 12),
            (13, work(2, 0), 12),
            (14, work(2, 1), 13),
            (15, work(2, 1), 13),
            (16, work(2, 1), 13),
            (17, work(2, 2), 16),
            (18, work(5, 2), 18),
        ] {
            look.again(seen, seconds(now - 1), seconds(now));
            assert_eq!(look.sign, seconds(sign), "at {now}");
        }
    }

    /// One busy thread of several stops the heart although the others run it, and not before it is
    /// busy (P52).
    #[test]
    fn one_stuck_thread_of_a_runtime_is_noticed() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build()
            .unwrap();
        let (stuck, until) = std::sync::mpsc::channel::<()>();
        let row = Row::create().unwrap();
        runtime.spawn(beat(row.clone(), Duration::from_millis(40)));
        // Whether there is a sign of life from `least` or later, before so much time has passed.
        let beats = |least: Duration, within: Duration| {
            let began = std::time::Instant::now();
            while row.heartbeat().is_none_or(|last| last < least) {
                if within < began.elapsed() {
                    return false;
                }
                std::thread::yield_now();
            }
            true
        };
        let patience = Duration::from_secs(10);
        assert!(beats(monotonic() + Duration::from_millis(100), patience), "it does not beat");
        let (begun, begins) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            begun.send(monotonic()).unwrap();
            until.recv()
        });
        let began: Duration = begins.recv().unwrap();
        let after = began + Duration::from_millis(100);
        assert!(!beats(after, Duration::from_millis(400)), "it beats over a stuck thread");
        drop(stuck);
        assert!(beats(monotonic(), patience), "it does not beat again");
    }
}
