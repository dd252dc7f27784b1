//! A limit on what is logged about the workers of one server, so that a crash loop does not fill
//! the disk and hides nothing else.

use std::time::Duration;

/// How many messages may come at once, and how many in each second after that.
const BURST: f64 = 20.0;
const PER_SECOND: f64 = 2.0;

/// What was left out is told when nothing more has been for this long, and at the latest after
/// `TELL_WITHIN`.
const CALM: Duration = Duration::from_secs(2);
const TELL_WITHIN: Duration = Duration::from_secs(10);

/// A bucket of messages for each server. It reads no clock: times are since any moment in the past.
#[derive(Debug)]
pub(super) struct Flood {
    servers: Vec<Bucket>,
}

/// How many messages about a server were left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// The how-manieth server.
    pub(super) server: usize,
    pub(super) messages: u64,
}

#[derive(Clone, Debug)]
struct Bucket {
    /// How many messages may come now, as of `filled_at`.
    tokens: f64,
    filled_at: Duration,
    left_out: Option<Run>,
}

/// Messages that were left out and not told of.
#[derive(Clone, Debug)]
struct Run {
    messages: u64,
    first: Duration,
    last: Duration,
}

impl Flood {
    pub(super) fn new(servers: usize) -> Self {
        let full = Bucket { tokens: BURST, filled_at: Duration::ZERO, left_out: None };
        Self { servers: vec![full; servers] }
    }

    /// Whether one more message about the server may be logged; if not, it is counted.
    pub(super) fn admits(&mut self, server: usize, now: Duration) -> bool {
        self.servers.get_mut(server).is_none_or(|bucket| bucket.admits(now))
    }

    /// What is to be told now.
    pub(super) fn left_out(&mut self, now: Duration) -> Vec<LeftOut> {
        let due = |(server, bucket): (usize, &mut Bucket)| {
            let run = bucket.left_out.take_if(|run| run.due() <= now)?;
            Some(LeftOut { server, messages: run.messages })
        };
        self.servers.iter_mut().enumerate().filter_map(due).collect()
    }

    /// When [`left_out`](Self::left_out) has something to tell, if nothing happens before.
    pub(super) fn due(&self) -> Option<Duration> {
        self.servers.iter().filter_map(|bucket| bucket.left_out.as_ref()).map(Run::due).min()
    }
}

impl Bucket {
    fn admits(&mut self, now: Duration) -> bool {
        let since = now.saturating_sub(self.filled_at);
        self.tokens = (self.tokens + since.as_secs_f64() * PER_SECOND).min(BURST);
        self.filled_at = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return true;
        }
        let run = self.left_out.get_or_insert(Run { messages: 0, first: now, last: now });
        run.messages += 1;
        run.last = now;
        false
    }
}

impl Run {
    fn due(&self) -> Duration {
        (self.last + CALM).min(self.first + TELL_WITHIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends `count` messages, one every `every`, to a fresh limit, and asks for what is to be told
    /// whenever that is due; returns when messages were logged, and when how many were told of.
    fn run(count: u32, every: Duration) -> (Vec<Duration>, Vec<(Duration, u64)>) {
        let mut flood = Flood::new(1);
        let (mut logged, mut told) = (Vec::new(), Vec::new());
        let mut tell = |flood: &mut Flood, now| {
            let left_out = flood.left_out(now);
            told.extend(left_out.into_iter().map(|LeftOut { messages, .. }| (now, messages)));
        };
        for now in (0..count).map(|index| every * index) {
            while let Some(due) = flood.due().filter(|due| *due <= now) {
                tell(&mut flood, due);
            }
            if flood.admits(0, now) {
                logged.push(now);
            }
        }
        while let Some(due) = flood.due() {
            tell(&mut flood, due);
        }
        (logged, told)
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_burst_is_cut() {
        let (logged, told) = run(100, Duration::ZERO);
        assert_eq!(logged.len(), 20);
        assert_eq!(told, [(CALM, 80)]);
    }

    #[test]
    fn few_messages_all_come() {
        let (logged, told) = run(1000, 500 * MS);
        assert_eq!((logged.len(), told.len()), (1000, 0));
    }

    /// In a long flood two messages come in each second, and the rest is told of every ten.
    #[test]
    fn a_flood_is_thinned() {
        let (logged, told) = run(6000, 10 * MS);
        let in_second = |second: u64| logged.iter().filter(|at| at.as_secs() == second).count();
        assert_eq!(in_second(0), 21);
        assert!((1..60).all(|second| in_second(second) == 2), "{logged:?}");
        let messages: u64 = told.iter().map(|(_, messages)| messages).sum();
        assert_eq!(logged.len() as u64 + messages, 6000);
        let gaps = told.windows(2).map(|pair| pair[1].0 - pair[0].0);
        let last = gaps.clone().count() - 1;
        for (index, gap) in gaps.enumerate() {
            assert!(gap >= TELL_WITHIN || index == last, "{told:?}");
            assert!(gap <= TELL_WITHIN + 20 * MS, "{told:?}");
        }
    }

    /// After a rest there may be a burst again.
    #[test]
    fn calm_fills_the_bucket() {
        let mut flood = Flood::new(1);
        let burst = |flood: &mut Flood, now| (0..50).filter(|_| flood.admits(0, now)).count();
        assert_eq!(burst(&mut flood, Duration::ZERO), 20);
        assert_eq!(burst(&mut flood, 5000 * MS), 10);
        assert_eq!(burst(&mut flood, 3_600_000 * MS), 20);
    }

    #[test]
    fn servers_do_not_share() {
        let mut flood = Flood::new(2);
        while flood.admits(0, Duration::ZERO) {}
        assert!(flood.admits(1, Duration::ZERO));
        assert_eq!(flood.left_out(CALM - MS), []);
        assert_eq!(flood.left_out(CALM), [LeftOut { server: 0, messages: 1 }]);
        assert_eq!(flood.due(), None);
        assert!(flood.admits(7, Duration::ZERO), "an unknown server has no limit");
    }
}
