//! How many connections a worker may have, and what its master learns of that.

use std::fmt;
use std::future::pending;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// How long there must be no room before that is said. Who is full for a shorter time takes what
/// has come to it soon enough, and so says no more than a few hundred words in a second.
const FULL_FOR: Duration = Duration::from_millis(5);

/// Room is said to be again when one connection in so many has ended, and one at least.
const SLACK: u64 = 16;

/// The room of a worker for connections.
pub(crate) struct Room {
    limit: Option<u64>,
    taken: AtomicU64,
    /// Whether those beyond the limit are taken too, only to be told so.
    refusing: AtomicBool,
    /// Whether the master has been told that there is no room, and not yet that there is.
    full: AtomicBool,
    /// Held while it is told, so that the last word is the true one.
    telling: Mutex<()>,
    tell: Box<dyn Fn(bool) + Send + Sync>,
    changed: Notify,
}

impl Room {
    /// Room for `limit` connections. `tell` is told when there is none any more, and when there is
    /// again.
    pub(crate) fn new(limit: Option<u64>, tell: impl Fn(bool) + Send + Sync + 'static) -> Self {
        Self {
            limit,
            taken: AtomicU64::new(0),
            refusing: AtomicBool::new(false),
            full: AtomicBool::new(false),
            telling: Mutex::new(()),
            tell: Box::new(tell),
            changed: Notify::new(),
        }
    }

    /// Says whether every other worker is full too, so that nobody has room for who waits.
    pub(crate) fn refuse(&self, refusing: bool) {
        self.refusing.store(refusing, SeqCst);
        self.changed.notify_waiters();
    }

    /// A place for a connection, if there is one.
    pub(super) fn take(self: &Arc<Self>) -> Option<Place> {
        let Some(limit) = self.limit else {
            return Some(Place(None));
        };
        let more = |taken| (taken < limit).then_some(taken + 1);
        let before = self.taken.fetch_update(SeqCst, SeqCst, more).ok()?;
        if before + 1 == limit {
            self.changed.notify_waiters();
        }
        Some(Place(Some(self.clone())))
    }

    /// Whether a connection may be accepted, be it to refuse it.
    pub(super) fn is_open(&self) -> bool {
        self.has_place() || self.refusing.load(SeqCst)
    }

    /// How many connections may be accepted at once, be it to refuse them.
    pub(super) fn left(&self) -> u32 {
        let limit = self.limit.filter(|_| !self.refusing.load(SeqCst));
        let left = limit.map_or(u64::MAX, |limit| limit.saturating_sub(self.taken.load(SeqCst)));
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    /// Waits until connections may be accepted. Meanwhile the master is told that they may not.
    pub(super) async fn opened(&self) {
        loop {
            let changed = self.changed.notified();
            if self.is_open() {
                return;
            }
            if self.full.load(SeqCst) {
                changed.await;
            } else if timeout(FULL_FOR, changed).await.is_err() {
                self.tell_full();
            }
        }
    }

    /// Waits until no connection may be accepted any more.
    pub(super) async fn closed(&self) {
        if self.limit.is_none() {
            return pending().await;
        }
        loop {
            let changed = self.changed.notified();
            if !self.is_open() {
                return;
            }
            changed.await;
        }
    }

    /// Tells at once what else takes a while.
    pub(super) fn tell_full(&self) {
        let telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.has_place() && !self.full.swap(true, SeqCst) {
            (self.tell)(true);
        }
        drop(telling);
        // All may have ended since that was looked at.
        self.tell_room();
    }

    fn tell_room(&self) {
        if !self.full.load(SeqCst) || !self.has_slack() {
            return;
        }
        let _telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        if self.has_slack() && self.full.swap(false, SeqCst) {
            (self.tell)(false);
        }
    }

    fn has_place(&self) -> bool {
        self.limit.is_none_or(|limit| self.taken.load(SeqCst) < limit)
    }

    fn has_slack(&self) -> bool {
        let slack = |limit: u64| limit - (limit / SLACK).max(1);
        self.limit.is_none_or(|limit| self.taken.load(SeqCst) <= slack(limit))
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room")
            .field("limit", &self.limit)
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}

/// The place of one connection, until it is dropped.
pub(super) struct Place(Option<Arc<Room>>);

impl Drop for Place {
    fn drop(&mut self) {
        let Some(room) = &self.0 else {
            return;
        };
        let before = room.taken.fetch_sub(1, SeqCst);
        if Some(before) == room.limit {
            room.changed.notify_waiters();
        }
        room.tell_room();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};

    fn room(limit: u64) -> (Arc<Room>, Receiver<bool>) {
        let (tell, told) = channel();
        (Arc::new(Room::new(Some(limit), move |full| tell.send(full).unwrap())), told)
    }

    fn told(receiver: &Receiver<bool>) -> Vec<bool> {
        receiver.try_iter().collect()
    }

    #[test]
    fn there_are_as_many_places_as_connections_are_allowed() {
        let (room, _told) = room(2);
        let first = room.take().unwrap();
        let _second = room.take().unwrap();
        assert!(room.take().is_none() && !room.is_open());
        drop(first);
        assert!(room.is_open() && room.take().is_some());
        let unlimited = Arc::new(Room::new(None, |_| unreachable!()));
        let _places: Vec<_> = (0..1000).map(|_| unlimited.take().unwrap()).collect();
        unlimited.tell_full();
    }

    /// Between full and not full there is a difference, so that not every connection is a word.
    #[test]
    fn who_is_about_full_says_so_once() {
        let (room, said) = room(64);
        let mut places: Vec<_> = (0..63).map(|_| room.take().unwrap()).collect();
        room.tell_full();
        assert!(told(&said).is_empty(), "there is room");
        for _ in 0..3 {
            places.push(room.take().unwrap());
            room.tell_full();
            places.pop();
        }
        assert_eq!(told(&said), [true]);
        places.truncate(61);
        assert!(told(&said).is_empty());
        places.truncate(60);
        assert_eq!(told(&said), [false]);
    }

    #[tokio::test]
    async fn being_full_is_said_only_if_it_lasts() {
        let (room, said) = room(1);
        let mut place = room.take();
        for _ in 0..3 {
            let opened = async {
                room.opened().await;
                room.take()
            };
            let ends = async {
                tokio::task::yield_now().await;
                place.take();
            };
            place = tokio::join!(opened, ends).0;
        }
        assert!(told(&said).is_empty());
        let opened = timeout(2 * FULL_FOR, room.opened());
        assert!(opened.await.is_err() && place.is_some());
        assert_eq!(told(&said), [true]);
        room.refuse(true);
        room.opened().await;
        assert!(room.take().is_none());
        room.refuse(false);
        room.closed().await;
        drop(place);
        assert_eq!(told(&said), [false]);
    }
}
