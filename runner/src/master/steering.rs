//! Which slots get new connections, and what becomes of those that wait where nobody takes them.
//!
//! A slot without a worker that serves, or with one that is full, gets no new connections. What waits
//! there all the same – it was on its way, or came before that was known – is taken by another worker
//! of the server, which is lent the sockets. The master itself never accepts.

use super::live::{Live, LiveWorker, Loan};
use super::prepare::Server;
use super::run::MasterProcess;
use crate::os::descriptors::{self, DESCRIPTORS_MAX};
use crate::supervisor::Time;
use crate::worker::{REFUSE, REFUSE_NOT, RESCUE};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// After how long without an answer another worker is lent the sockets.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// How long sockets are left alone that a worker could take nothing from, because it has become
/// full or may not have more descriptors.
const TRY_AGAIN: Duration = Duration::from_millis(50);

/// A socket of a slot in which nobody takes what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Orphan {
    server: usize,
    slot: u32,
    /// Which of the sockets of the slot.
    index: usize,
}

impl MasterProcess {
    /// Keeps new connections from slots in which nobody takes them; before anything is forked,
    /// which takes its time.
    pub(super) fn steer(&mut self) {
        for (index, server) in self.servers.iter_mut().enumerate() {
            let slots = open_slots(self.supervisor.serving(index), &self.live, index);
            if let Err(error) = server.listeners.steer(&slots) {
                let server = &server.name.value;
                tracing::warn!(server, %error, "connections go to slots without a worker as well");
            }
            tell_whether_all_are_full(&mut self.live, index);
        }
    }

    /// The sockets to watch because nobody else does, unless there is nobody who could take what
    /// comes.
    pub(super) fn orphans(&self) -> Vec<(BorrowedFd<'_>, Orphan)> {
        let now = self.now();
        let servers = self.servers.iter().enumerate();
        let of_one = |(index, server)| orphans_of(server, index, &self.live, now);
        servers.flat_map(of_one).collect()
    }

    /// Lends sockets in which connections wait to somebody who takes them.
    pub(super) fn rescue(&mut self, waiting: &[Orphan]) {
        let now = self.now();
        for slot in waiting.chunk_by(|one, next| (one.server, one.slot) == (next.server, next.slot))
        {
            let Orphan { server, slot: number, .. } = slot[0];
            let listeners = &self.servers[server].listeners;
            let sockets: Vec<_> = listeners.sockets(number).collect();
            let lent = slot.iter().filter_map(|orphan| sockets.get(orphan.index));
            let lent: Vec<_> = lent.take(DESCRIPTORS_MAX).map(|socket| socket.as_fd()).collect();
            if let Some(worker) = taker(&mut self.live, server, now) {
                let sent = descriptors::send(&worker.channel, RESCUE, &lent);
                // One that does not listen has nothing to answer.
                let answered = sent.is_err();
                worker.loan = Some(Loan { slot: number, until: now + ANSWER_MAX, answered });
            }
        }
    }

    /// A worker has taken so many connections out of the sockets that it was lent.
    pub(super) fn rescued(&mut self, pid: i32, connections: u32) {
        let now = self.now();
        let Some(worker) = self.live.get_mut(&pid) else {
            return;
        };
        tracing::debug!(pid, connections, "connections of another slot taken");
        let until = now + if connections > 0 { Duration::ZERO } else { TRY_AGAIN };
        if let Some(loan) = &mut worker.loan {
            *loan = Loan { slot: loan.slot, until, answered: true };
        }
    }

    /// When sockets are to be watched again that are lent now.
    pub(super) fn loans_due(&self) -> Option<Time> {
        let now = self.now();
        let loans = self.live.values().filter_map(|worker| worker.loan);
        loans.map(|loan| loan.until).filter(|until| now < *until).min()
    }
}

/// Of the slots in which somebody serves, those where there is room; all, if there is none.
fn open_slots(serving: Vec<u32>, live: &Live, server: usize) -> Vec<u32> {
    let with_room = |slot: &u32| {
        let mut workers = live.values().filter(|worker| worker.is_serving(server));
        workers.any(|worker| worker.slot == *slot && !worker.row.is_full())
    };
    let open: Vec<_> = serving.iter().copied().filter(with_room).collect();
    if open.is_empty() { serving } else { open }
}

/// Has every worker of a server know whether all of them are full, and so connections beyond the
/// limit are to be answered. Who cannot be told is told the next time.
fn tell_whether_all_are_full(live: &mut Live, server: usize) {
    let all_full = are_all_full(live, server);
    let serving = live.values_mut().filter(|worker| worker.is_serving(server));
    for worker in serving.filter(|worker| worker.refuses != Some(all_full)) {
        let byte = if all_full { REFUSE } else { REFUSE_NOT };
        if descriptors::send(&worker.channel, byte, &[]).is_ok() {
            worker.refuses = Some(all_full);
        }
    }
}

fn are_all_full(live: &Live, server: usize) -> bool {
    let mut serving = live.values().filter(|worker| worker.is_serving(server)).peekable();
    serving.peek().is_some() && serving.all(|worker| worker.row.is_full())
}

fn orphans_of<'a>(
    server: &'a Server,
    index: usize,
    live: &Live,
    now: Time,
) -> Vec<(BorrowedFd<'a>, Orphan)> {
    let listeners = &server.listeners;
    let all_full = are_all_full(live, index);
    let serving = || live.values().filter(|worker| worker.is_serving(index));
    if !serving().any(|worker| worker.can_take(all_full, now)) {
        return Vec::new();
    }
    let mut attended = vec![false; listeners.slots() as usize];
    let mut attend = |slot: u32| {
        if let Some(attended) = attended.get_mut(slot as usize) {
            *attended = true;
        }
    };
    // When all are full, each answers its own.
    let busy = serving().filter(|worker| all_full || !worker.row.is_full());
    busy.for_each(|worker| attend(worker.slot));
    let loans = live.values().filter(|worker| worker.server == index);
    let loans = loans.filter_map(|worker| worker.loan).filter(|loan| now < loan.until);
    loans.for_each(|loan| attend(loan.slot));
    let slots = (0..).zip(attended).filter(|(_, attended)| !attended);
    slots
        .flat_map(|(slot, _)| {
            let sockets = listeners.sockets(slot).enumerate();
            sockets.map(move |(socket_index, socket)| {
                (socket.as_fd(), Orphan { server: index, slot, index: socket_index })
            })
        })
        .collect()
}

/// Who has the fewest connections of those who can take more; if all are full, one who says so.
fn taker(live: &mut Live, server: usize, now: Time) -> Option<&mut LiveWorker> {
    let all_full = are_all_full(live, server);
    let serving = live.values_mut().filter(|worker| worker.is_serving(server));
    let able = serving.filter(|worker| worker.can_take(all_full, now));
    able.min_by_key(|worker| worker.row.counts().connections)
}
