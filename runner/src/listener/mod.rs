//! The listening sockets: made by the master before privileges are dropped, one per server, address
//! and slot, and kept open by it across the death, restart and reload of any worker. A connection
//! in the queue of one is never lost with a worker.

mod socket;
mod steer;

pub(crate) use socket::Listener;

use crate::os::tcp::{defer_accept, queued};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

/// How long the kernel holds back a connection on which the client has not sent anything yet.
const DEFER_LONGEST: Duration = Duration::from_secs(1);

/// How long to wait for an address that is taken. The workers of a master that was killed give
/// theirs up once they have noticed, and a new start right after it must not fail because of that.
const TAKEN_PATIENCE: Duration = Duration::from_secs(1);
const TAKEN_PAUSE: Duration = Duration::from_millis(10);

/// What one server listens on.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) addresses: Vec<SocketAddr>,
    /// One socket per address for each of them.
    pub(crate) slots: u32,
    pub(crate) backlog: u32,
    /// Whether a connection is of interest only once the client has sent something.
    pub(crate) client_speaks_first: bool,
}

/// The sockets of one server.
///
/// None is ever closed while it lives: a slot that is not needed any more is steered away from and
/// waits, with its sockets, until it is.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// What was asked for.
    binds: Vec<SocketAddr>,
    addresses: Vec<SocketAddr>,
    backlog: u32,
    client_speaks_first: bool,
    /// For each slot a socket per address. In the group of an address its index is the slot.
    slots: Vec<Vec<TcpListener>>,
    /// The slots that new connections go to.
    steered: Vec<u32>,
}

/// An address that could not be bound, and why.
#[derive(Debug)]
pub(crate) struct BindError {
    pub(crate) address: SocketAddr,
    pub(crate) error: io::Error,
}

impl Listeners {
    /// Binds every address for every slot, or says of each address that failed why.
    pub(crate) fn bind(request: &Request) -> Result<Self, Vec<BindError>> {
        let mut listeners = Self {
            binds: Vec::new(),
            addresses: Vec::new(),
            backlog: request.backlog,
            client_speaks_first: request.client_speaks_first,
            slots: (0..request.slots).map(|_| Vec::new()).collect(),
            steered: (0..request.slots).collect(),
        };
        let mut errors = Vec::new();
        let deadline = Instant::now() + TAKEN_PATIENCE;
        for &address in &request.addresses {
            if let Err(error) = listeners.add_one(address, deadline) {
                errors.push(BindError { address, error });
            }
        }
        if errors.is_empty() { Ok(listeners) } else { Err(errors) }
    }

    /// Binds more addresses, all or none.
    pub(crate) fn add(&mut self, binds: &[SocketAddr]) -> Result<(), Vec<BindError>> {
        let mut errors = Vec::new();
        for &address in binds {
            if let Err(error) = self.add_one(address, Instant::now() + Duration::from_millis(200)) {
                errors.push(BindError { address, error });
            }
        }
        if errors.is_empty() {
            return self.pin().map_err(|error| vec![BindError { address: binds[0], error }]);
        }
        self.remove(binds);
        Err(errors)
    }

    pub(crate) fn remove(&mut self, binds: &[SocketAddr]) {
        for bind in binds {
            if let Some(index) = self.binds.iter().rposition(|it| it == bind) {
                self.binds.remove(index);
                self.addresses.remove(index);
                self.slots.iter_mut().for_each(|slot| drop(slot.remove(index)));
            }
        }
    }

    pub(crate) fn binds(&self) -> &[SocketAddr] {
        &self.binds
    }

    /// Binds one address for every slot. Port 0 becomes the same free port for all.
    fn add_one(&mut self, address: SocketAddr, deadline: Instant) -> io::Result<()> {
        let bind = address;
        // Another program's socket with SO_REUSEPORT would let ours join its group and take a
        // share of its connections; a socket without the option tells whether there is one.
        let probe = socket(address)?;
        while let Err(error) = probe.bind(&address.into()) {
            if error.kind() != io::ErrorKind::AddrInUse || Instant::now() >= deadline {
                return Err(error);
            }
            thread::sleep(TAKEN_PAUSE);
        }
        let address = probe.local_addr()?.as_socket().unwrap_or(address);
        drop(probe);
        for slot in 0..self.slots.len() {
            let listener = self.listen(address)?;
            self.slots[slot].push(listener);
        }
        self.addresses.push(address);
        self.binds.push(bind);
        Ok(())
    }

    /// Makes sure that there are at least so many slots. No connection goes to a new one before it
    /// is steered there.
    ///
    /// After an error there are the slots that could be completed.
    pub(crate) fn grow(&mut self, slots: u32) -> io::Result<()> {
        if slots <= self.slots() {
            return Ok(());
        }
        self.pin()?;
        for _ in self.slots()..slots {
            // If one of these fails, those that go are the last of their groups, and no socket
            // takes the index of another.
            let sockets = self.addresses.iter().map(|address| self.listen(*address));
            let sockets = sockets.collect::<io::Result<_>>()?;
            self.slots.push(sockets);
        }
        Ok(())
    }

    /// Takes the sockets of one slot out; for the worker in that slot, which drops the others.
    pub(crate) fn take(&mut self, slot: u32, binds: &[SocketAddr]) -> Vec<Listener> {
        let mut wanted = binds.to_vec();
        let keep: Vec<_> = self
            .binds
            .iter()
            .map(|bind| {
                wanted.iter().position(|it| it == bind).map(|at| wanted.remove(at)).is_some()
            })
            .collect();
        let slot = usize::try_from(slot).ok().and_then(|slot| self.slots.get_mut(slot));
        let sockets = slot.map(std::mem::take).unwrap_or_default();
        sockets
            .into_iter()
            .zip(keep)
            .filter(|(_, keep)| *keep)
            .map(|(socket, _)| Listener::new(socket.into(), false))
            .collect()
    }

    /// What was bound, with the real port where 0 was asked for.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// How many slots have sockets, whether connections go there or not.
    pub(crate) fn slots(&self) -> u32 {
        self.slots.len() as u32
    }

    /// The sockets of one slot. One is readable while a connection waits there, so that whoever
    /// watches a slot without a worker has no need to ask again and again.
    pub(crate) fn sockets(&self, slot: u32) -> &[TcpListener] {
        let slot = usize::try_from(slot).ok().and_then(|slot| self.slots.get(slot));
        slot.map_or(&[], Vec::as_slice)
    }

    /// How many connections wait in one slot to be accepted, on all addresses.
    #[cfg(test)]
    pub(super) fn queued(&self, slot: u32) -> io::Result<u32> {
        self.sockets(slot).iter().map(queued).sum()
    }

    /// How many connections wait in all slots to be accepted.
    pub(crate) fn total_queued(&self) -> io::Result<u32> {
        self.slots.iter().flatten().map(queued).sum()
    }

    /// One more socket for an address that is bound already.
    fn listen(&self, address: SocketAddr) -> io::Result<TcpListener> {
        let socket = socket(address)?;
        socket.set_reuse_port(true)?;
        socket.bind(&address.into())?;
        // Accepted sockets inherit both (tcp(7)).
        socket.set_tcp_nodelay(true)?;
        socket.set_keepalive(true)?;
        socket.listen(self.backlog.try_into().unwrap_or(i32::MAX))?;
        if self.client_speaks_first {
            defer_accept(&socket, DEFER_LONGEST)?;
        }
        Ok(socket.into())
    }
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` and `0.0.0.0` are two addresses, whatever net.ipv6.bindv6only says.
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    fn request(addresses: &[&str], slots: u32) -> Request {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Request { addresses, slots, backlog: 16, client_speaks_first: false }
    }

    #[test]
    fn every_slot_has_its_socket_on_the_same_port() {
        let mut listeners = Listeners::bind(&request(&["127.0.0.1:0", "[::1]:0"], 3)).unwrap();
        let addresses = listeners.addresses().to_vec();
        for slot in 0..3 {
            let bound: Vec<_> = listeners
                .take(slot, &["127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()])
                .iter()
                .map(|l| l.address().unwrap().ip().unwrap())
                .collect();
            assert_eq!(bound, addresses);
        }
        assert!(listeners.take(3, &[]).is_empty());
    }

    #[test]
    fn a_port_of_another_socket_is_refused_even_if_that_one_would_share() {
        for shares in [false, true] {
            let other = socket("127.0.0.1:0".parse().unwrap()).unwrap();
            other.set_reuse_port(shares).unwrap();
            other.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
            other.listen(1).unwrap();
            let taken = other.local_addr().unwrap().as_socket().unwrap();
            let errors =
                Listeners::bind(&request(&["127.0.0.1:0", &taken.to_string()], 2)).unwrap_err();
            assert_eq!(errors.len(), 1);
            assert_eq!(errors[0].address, taken);
            assert_eq!(errors[0].error.kind(), io::ErrorKind::AddrInUse);
        }
    }

    #[test]
    fn connections_wait_in_the_master_without_any_worker() {
        let listeners = Listeners::bind(&request(&["127.0.0.1:0"], 2)).unwrap();
        for _ in 0..8 {
            TcpStream::connect(listeners.addresses()[0]).unwrap();
        }
    }
}
