//! Accepting from a socket that all workers of a server share.
//!
//! A thread waits in accept4(2), because those who wait there are served one at a time and in the
//! order in which they came: whether there is one client or many, each worker gets its share, and
//! nobody is woken in vain. Of those who wait by epoll(7) the kernel wakes all, or always the same
//! one (`EPOLLEXCLUSIVE`).
//!
//! The socket is a blocking one, which is a property of the socket and not of who holds it.

use super::stream::Stream;
use crate::listener::Listener;
use crate::os::interrupt::{self, Interruptible};
use crate::spec::Address;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::Socket;
use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

/// How many connections the thread may take before the runtime has taken the first of them.
///
/// With four workers and 20 000 connections from 1, 8 and 64 clients, over TCP and over unix sockets,
/// on two cores that others used as well, the busiest worker got, relative to the idlest:
///
/// | credit | 1 client | 8 clients | 64 clients | CPU per connection, 64 clients |
/// |---|---|---|---|---|
/// | 1 | 1.02–1.04 | 1.13–2.25 | 1.31–1.68 | 54–85 µs |
/// | 2 | 1.01 | 1.09–1.78 | 1.08–1.71 | 51–69 µs |
/// | 4 | 1.01 | 1.03–1.15 | 1.07–1.44 | 44–62 µs |
/// | 8 | 1.00–1.01 | 1.03–1.29 | 1.07–2.02 | 39–70 µs |
///
/// With less the thread waits for the runtime when it could wait for a connection, and so loses its
/// turn. What it has taken waits if the runtime is held up, so it is not more than it takes.
const CREDIT: u32 = 4;

/// How long to wait for a thread that was interrupted before it is interrupted again.
const INTERRUPT_AGAIN: Duration = Duration::from_millis(1);

/// A connection as the kernel gave it, or why it gave none.
type Accepted = io::Result<(Socket, Address)>;

/// The thread that waits, as the runtime sees it.
///
/// It is to be at [`rest`](Self::rest) when this is dropped; else it may take one more connection,
/// and that is lost.
pub(super) struct Acceptor {
    listener: Arc<Listener>,
    gate: Arc<Gate>,
    thread: Interruptible,
    accepted: UnboundedReceiver<Accepted>,
    /// How often the thread has been let through, and has not brought anything for.
    outstanding: u32,
    /// What it brought while nobody wanted it.
    kept: VecDeque<Accepted>,
}

impl Acceptor {
    /// Starts the thread; it takes nothing yet.
    pub(super) fn start(listener: Listener) -> io::Result<Self> {
        let listener = Arc::new(listener);
        let gate = Arc::new(Gate::default());
        let (bring, accepted) = unbounded_channel();
        let (from, through) = (listener.clone(), gate.clone());
        let thread = interrupt::spawn("accept", move || pass(&from, &through, &bring))?;
        Ok(Self { listener, gate, thread, accepted, outstanding: 0, kept: VecDeque::new() })
    }

    /// The next connection, of which there is room for so many. If this is dropped, the thread goes
    /// on waiting for it.
    pub(super) async fn accept(&mut self, room: u32) -> io::Result<(Stream, Address)> {
        let accepted = match self.kept.pop_front() {
            Some(accepted) => accepted,
            None => {
                self.allow(CREDIT.min(room), Wait::UntilSome);
                self.brought().await
            }
        };
        adopt(accepted)
    }

    /// A connection that waits already; if none does, an error of the kind `WouldBlock`, and one of
    /// the kind `Interrupted` if it is to be tried again. Only for a thread at rest.
    pub(super) async fn accept_now(&mut self) -> io::Result<(Stream, Address)> {
        if let Some(accepted) = self.kept.pop_front() {
            return adopt(accepted);
        }
        self.allow(1, Wait::Never);
        // It waits all the same if another worker takes what it has seen.
        loop {
            match timeout(INTERRUPT_AGAIN, self.brought()).await {
                Ok(accepted) => return adopt(accepted),
                Err(_) => self.thread.interrupt(),
            }
        }
    }

    /// Returns when the thread takes nothing any more. What it has taken is not lost.
    pub(super) async fn rest(&mut self) {
        self.outstanding -= self.gate.close();
        while self.outstanding > 0 {
            self.thread.interrupt();
            if let Ok(Ok(accepted)) = timeout(INTERRUPT_AGAIN, self.brought()).await {
                self.kept.push_back(Ok(accepted));
            }
        }
    }

    /// How many connections wait to be accepted, or were and nobody has wanted them yet.
    pub(super) fn queued(&self) -> io::Result<u32> {
        Ok(self.listener.queued()?.saturating_add(self.kept.len() as u32))
    }

    /// Lets the thread through until it has been so often without coming back.
    fn allow(&mut self, most: u32, wait: Wait) {
        let more = most.saturating_sub(self.outstanding);
        if more > 0 {
            self.outstanding += more;
            self.gate.open(more, wait);
        }
    }

    async fn brought(&mut self) -> Accepted {
        let accepted = self.accepted.recv().await;
        self.outstanding = self.outstanding.saturating_sub(1);
        accepted.unwrap_or_else(|| Err(io::Error::other("the thread that accepts has ended")))
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.gate.end();
        self.thread.interrupt();
    }
}

fn adopt(accepted: Accepted) -> io::Result<(Stream, Address)> {
    let (socket, peer) = accepted?;
    Ok((Stream::adopt(socket, &peer)?, peer))
}

/// The life of the thread: one connection, or one error, each time that it is let through.
fn pass(listener: &Listener, gate: &Gate, bring: &UnboundedSender<Accepted>) {
    while let Some(wait) = gate.enter() {
        let accepted = match wait {
            Wait::UntilSome => listener.accept(),
            Wait::Never => ensure_readable(listener).and_then(|()| listener.accept()),
        };
        if bring.send(accepted).is_err() {
            return;
        }
    }
}

fn ensure_readable(listener: &Listener) -> io::Result<()> {
    let mut waiting = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    match poll(&mut waiting, PollTimeout::ZERO)? {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        _ => Ok(()),
    }
}

/// What the thread passes before it takes a connection, as often as the runtime has allowed.
#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    opened: Condvar,
}

#[derive(Default)]
struct State {
    allowed: u32,
    wait: Wait,
    ended: bool,
}

/// Whether the thread is to wait for a connection.
#[derive(Clone, Copy, Default)]
enum Wait {
    #[default]
    UntilSome,
    Never,
}

impl Gate {
    fn open(&self, times: u32, wait: Wait) {
        let mut state = self.lock();
        state.allowed += times;
        state.wait = wait;
        drop(state);
        self.opened.notify_one();
    }

    /// Returns how often the thread was allowed and has not been through.
    fn close(&self) -> u32 {
        std::mem::take(&mut self.lock().allowed)
    }

    fn end(&self) {
        self.lock().ended = true;
        self.opened.notify_one();
    }

    /// Waits until it is open; none at the end.
    fn enter(&self) -> Option<Wait> {
        let shut = |state: &mut State| state.allowed == 0 && !state.ended;
        let passed = self.opened.wait_while(self.lock(), shut);
        let mut state = passed.unwrap_or_else(PoisonError::into_inner);
        if state.ended {
            return None;
        }
        state.allowed -= 1;
        Some(state.wait)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, SockAddr, Type};
    use std::net::SocketAddr;
    use tempfile::TempDir;

    const WORKERS: usize = 4;

    /// A listener of each family, and what must live as long.
    fn listeners() -> [(Socket, Option<TempDir>); 2] {
        let tcp = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        tcp.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let unix = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        unix.bind(&SockAddr::unix(directory.path().join("socket")).unwrap()).unwrap();
        let listeners = [(tcp, None), (unix, Some(directory))];
        listeners.iter().for_each(|(listener, _)| listener.listen(128).unwrap());
        listeners
    }

    fn acceptor(listener: &Socket) -> Acceptor {
        Acceptor::start(Listener::new(listener.try_clone().unwrap(), true)).unwrap()
    }

    fn connect(listener: &Socket) -> Socket {
        let client = Socket::new(listener.domain().unwrap(), Type::STREAM, None).unwrap();
        client.connect(&listener.local_addr().unwrap()).unwrap();
        client
    }

    /// Those who wait are served in turn, however few clients there are (P6), and as often as there
    /// are connections (P7).
    #[tokio::test]
    async fn workers_get_the_same_share() {
        for (listener, _directory) in listeners() {
            let mut acceptors: Vec<_> = (0..WORKERS).map(|_| acceptor(&listener)).collect();
            let mut taken = [0; WORKERS];
            for acceptor in &mut acceptors {
                assert!(timeout(INTERRUPT_AGAIN, acceptor.accept(u32::MAX)).await.is_err());
            }
            for _ in 0..25 * WORKERS {
                let _client = connect(&listener);
                let accepting =
                    acceptors.iter_mut().map(|acceptor| Box::pin(acceptor.accept(u32::MAX)));
                let (accepted, worker, _) = futures_util::future::select_all(accepting).await;
                accepted.unwrap();
                taken[worker] += 1;
            }
            let (most, least) = (taken.iter().max().unwrap(), taken.iter().min().unwrap());
            assert!(2 * most <= 3 * least, "{taken:?}");
            for acceptor in &mut acceptors {
                acceptor.rest().await;
                assert!(acceptor.kept.is_empty(), "a connection too many");
            }
        }
    }

    /// Whenever a thread is told to take no more, it has either taken a connection or left it.
    #[tokio::test]
    async fn a_thread_at_rest_loses_nobody() {
        for (listener, _directory) in listeners() {
            let mut acceptor = acceptor(&listener);
            let mut clients = Vec::new();
            for _ in 0..50 {
                let impatient = timeout(Duration::from_micros(50), acceptor.accept(4)).await;
                clients.push(connect(&listener));
                let met = impatient.is_ok_and(|accepted| accepted.is_ok());
                clients.drain(..usize::from(met));
                acceptor.rest().await;
                assert_eq!(acceptor.outstanding, 0);
            }
            let mut left = 0;
            while let Ok((stream, _)) = acceptor.accept_now().await {
                assert!(stream.local().is_ok());
                left += 1;
            }
            assert_eq!(left, clients.len());
        }
    }

    /// What another worker takes first is not waited for.
    #[tokio::test]
    async fn nobody_waits_for_what_is_gone() {
        for (listener, _directory) in listeners() {
            let mut acceptors = [acceptor(&listener), acceptor(&listener)];
            for _ in 0..50 {
                let _client = connect(&listener);
                let [one, other] = &mut acceptors;
                let (one, other) = tokio::join!(one.accept_now(), other.accept_now());
                assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1);
            }
        }
    }
}
