//! How long a connection may go on with what it is doing.

use super::conn::{Conn, Phase};
use crate::server::run::Limits;
use crate::server::{STALL_MAX, spread};
use std::time::Duration;

/// How long an idle connection may still send one more request after a drain has begun: one that
/// the client sent before it knew.
const DRAIN_GRACE: Duration = Duration::from_millis(500);

/// How much longer, at most: connections are closed one after another in this time, so that not all
/// clients come back in the same moment.
const DRAIN_SPREAD: Duration = Duration::from_millis(500);

/// How long to wait for more from a client that sent what nobody reads, or for its own end.
const LINGER: Duration = Duration::from_secs(2);

/// The limits of time that connections have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    keep_alive: Duration,
    header_timeout: Duration,
}

impl Patience {
    pub(super) fn of(limits: &Limits) -> Self {
        Self { keep_alive: limits.keep_alive, header_timeout: limits.header_timeout }
    }

    /// The least time that anything has. A connection is looked at this often, so that what it has
    /// begun meanwhile cannot be over.
    pub(super) fn shortest(&self) -> Duration {
        self.keep_alive.min(self.header_timeout).min(STALL_MAX)
    }

    /// How long to leave a connection alone; none when its time is up.
    pub(super) fn left(
        &self,
        conn: &Conn,
        drain_began: Option<Duration>,
        now: Duration,
    ) -> Option<Duration> {
        let since = conn.since();
        let deadline = match (conn.phase(), drain_began) {
            (Phase::Lingering, _) => since + LINGER,
            _ if conn.is_stalled() => since + STALL_MAX,
            // What a handler may take is not decided here.
            (Phase::Busy, _) => Duration::MAX,
            (Phase::Head, _) | (Phase::New, None) => since + self.header_timeout,
            (Phase::Idle, None) => since + self.keep_alive,
            (Phase::New | Phase::Idle, Some(began)) => {
                let grace = DRAIN_GRACE + spread(DRAIN_SPREAD, conn.id());
                since.max(began) + grace.min(self.keep_alive)
            }
        };
        let look_again = drain_began.map_or(self.shortest(), |_| DRAIN_GRACE);
        let left = deadline.saturating_sub(now);
        (!left.is_zero()).then_some(left.min(look_again))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoreboard::Row;
    use crate::server::client::Client;
    use crate::server::http::{Method, Uri};
    use crate::server::{Identity, Quota, Shutdown, Worker};
    use crate::spec::Address;

    const PATIENCE: Patience =
        Patience { keep_alive: Duration::from_secs(40), header_timeout: Duration::from_secs(10) };

    fn connection() -> Conn {
        let identity = Identity { server: "test".to_owned(), slot: 0, generation: 1 };
        let row = Row::create().unwrap();
        let worker = Worker::new::<Conn>(identity, Shutdown::default(), row, Quota::unlimited());
        Conn::new(Client::new(worker, Address::Unnamed, Address::Unnamed))
    }

    /// Asserts when the connection ends, in milliseconds since it began what it is doing, however
    /// often it is looked at on the way. `drain_after` is in milliseconds too.
    fn check(what: &str, conn: &Conn, drain_after: Option<u64>, end: Option<u64>) {
        let began = conn.since();
        let drain = drain_after.map(|after| began + Duration::from_millis(after));
        let mut now = drain.unwrap_or(began);
        let mut looks = 0;
        while let Some(left) = PATIENCE.left(conn, drain, now) {
            now += left;
            looks += 1;
            if looks == 1000 {
                assert_eq!(end, None, "{what}, drain {drain_after:?}: it never ends");
                return;
            }
        }
        let took = u64::try_from((now - began).as_millis()).unwrap();
        assert_eq!(Some(took), end, "{what}, drain {drain_after:?}");
    }

    #[test]
    fn each_phase_has_its_limit() {
        let conn = connection();
        let later = spread(DRAIN_SPREAD, conn.id()).as_millis() as u64;
        check("new", &conn, None, Some(10_000));
        check("new", &conn, Some(3000), Some(3500 + later));

        conn.received();
        check("head", &conn, None, Some(10_000));
        check("head", &conn, Some(3000), Some(10_000));

        let busy = conn.begin_request(&Method::GET, &Uri::default());
        check("busy", &conn, None, None);
        check("busy", &conn, Some(3000), None);

        conn.stall();
        check("stalled", &conn, None, Some(60_000));
        check("stalled", &conn, Some(3000), Some(60_000));

        conn.advance();
        check("advanced", &conn, None, None);

        drop(busy);
        check("idle", &conn, None, Some(40_000));
        check("idle", &conn, Some(3000), Some(3500 + later));

        conn.linger();
        check("lingering", &conn, None, Some(2000));
        check("lingering", &conn, Some(100), Some(2000));
    }

    /// Idle connections are not closed all at once, and none too early.
    #[test]
    fn closes_are_spread() {
        let mut ends: Vec<_> =
            (0..100).map(|id| (DRAIN_GRACE + spread(DRAIN_SPREAD, id)).as_millis()).collect();
        ends.sort_unstable();
        assert!(500 <= ends[0] && ends[99] <= 1000, "{ends:?}");
        let gap = ends.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(gap <= Some(15), "{ends:?}");
    }

    /// A connection looked at for the last phase is not too late for the next.
    #[test]
    fn no_look_is_later_than_the_least_limit() {
        let conn = connection();
        let _busy = conn.begin_request(&Method::GET, &Uri::default());
        let left = PATIENCE.left(&conn, None, conn.since());
        assert_eq!(left, Some(PATIENCE.shortest()));
    }
}
