//! The sockets of one address.

use super::Options;
use super::socket::{Listener, address_of};
use crate::os::inherited;
use crate::os::reuseport::{Program, detach_program};
use crate::os::socket_file::{self, SocketFile, listen_on};
use crate::os::tcp::defer_accept;
use crate::spec::{Accept, Address, Bind};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How long the kernel holds back a connection on which the client has not sent anything yet.
const DEFER_LONGEST: Duration = Duration::from_secs(1);

/// How often an address that is taken is tried again.
const TAKEN_PAUSE: Duration = Duration::from_millis(10);

/// The sockets of one address that is bound here or was inherited.
#[derive(Debug)]
pub(super) struct Group {
    /// What asked for it.
    pub(super) bind: Bind,
    pub(super) address: Address,
    pub(super) sockets: Sockets,
    /// Of a unix socket that was bound here.
    pub(super) file: Option<SocketFile>,
}

#[derive(Debug)]
pub(super) enum Sockets {
    /// One for each slot, which is also its index in the group that the kernel has of them. They do
    /// not block.
    Slots(Vec<Socket>),
    /// One for all slots. It blocks: whether it does is one and the same for all processes that
    /// have it.
    Shared(Socket),
}

impl Group {
    /// Binds an address for so many slots, or takes what was inherited, which may be several. What
    /// is in use is tried until the deadline.
    pub(super) fn open(
        bind: &Bind,
        options: &Options,
        slots: u32,
        deadline: Instant,
    ) -> io::Result<Vec<Self>> {
        let (sockets, file) = match bind {
            Bind::Address(Address::Ip(address)) => {
                (bind_tcp(*address, options, slots, deadline)?, None)
            }
            Bind::Address(Address::Unix(path)) => {
                let (socket, file) = bind_path(path, options, deadline)?;
                (Sockets::Shared(socket), Some(file))
            }
            Bind::Address(Address::Abstract(name)) => {
                (Sockets::Shared(bind_name(name, deadline)?), None)
            }
            Bind::Address(Address::Unnamed) => return Err(io::ErrorKind::InvalidInput.into()),
            Bind::Descriptor(number) => (take_inherited(*number)?, None),
            Bind::Systemd(name) => {
                let numbers = inherited::passed(name.as_deref())?;
                let groups = numbers
                    .into_iter()
                    .map(|number| Self::new(bind.clone(), take_inherited(number)?, None, options));
                return groups.collect();
            }
        };
        let group = Self::new(bind.clone(), sockets, file.clone(), options);
        let remove = |_: &io::Error| file.iter().for_each(SocketFile::remove);
        Ok(vec![group.inspect_err(remove)?])
    }

    /// Makes them listen as the options say, if they do not yet.
    pub(super) fn new(
        bind: Bind,
        sockets: Sockets,
        file: Option<SocketFile>,
        options: &Options,
    ) -> io::Result<Self> {
        let mut group = Self { bind, address: Address::Unnamed, sockets, file };
        group.configure(options)?;
        if let Some(socket) = group.sockets().first() {
            group.address = address_of(&socket.local_addr()?);
        }
        Ok(group)
    }

    /// One more socket, if there is one for each slot.
    pub(super) fn another(&self, options: &Options) -> io::Result<Option<Socket>> {
        match (&self.sockets, self.address.ip()) {
            (Sockets::Slots(_), Some(address)) => {
                let socket = bind_member(address, options)?;
                self.tune(&socket, options)?;
                Ok(Some(socket))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn push(&mut self, socket: Socket) {
        if let Sockets::Slots(sockets) = &mut self.sockets {
            sockets.push(socket);
        }
    }

    /// Applies the options to what is there. Those of a new socket are left as they are: how it is
    /// shared, and whether it is for IPv6 only.
    pub(super) fn configure(&self, options: &Options) -> io::Result<()> {
        for socket in self.sockets() {
            self.tune(socket, options)?;
        }
        // A file that somebody else has put there is not ours to open to anybody.
        match self.file.as_ref().filter(|file| file.is_in_place()) {
            Some(file) => file.allow(options.access),
            None => Ok(()),
        }
    }

    /// Lets the program choose the slot of a new connection, or else the kernel.
    pub(super) fn choose_by(&self, program: Option<&Program>) -> io::Result<()> {
        // Any socket of a group stands for all.
        match (&self.sockets, program) {
            (Sockets::Slots(sockets), Some(program)) => {
                sockets.first().map_or(Ok(()), |socket| program.attach(socket))
            }
            (Sockets::Slots(sockets), None) => sockets.first().map_or(Ok(()), detach_program),
            (Sockets::Shared(_), _) => Ok(()),
        }
    }

    /// That of the worker in a slot, which drops the others.
    pub(super) fn into_listener(self, slot: u32) -> Option<Listener> {
        match self.sockets {
            Sockets::Slots(sockets) => {
                let slot = usize::try_from(slot).ok()?;
                sockets.into_iter().nth(slot).map(|socket| Listener::new(socket, false))
            }
            Sockets::Shared(socket) => Some(Listener::new(socket, true)),
        }
    }

    /// The one that only the worker in this slot has.
    pub(super) fn of_slot(&self, slot: u32) -> Option<&Socket> {
        match &self.sockets {
            Sockets::Slots(sockets) => sockets.get(usize::try_from(slot).ok()?),
            Sockets::Shared(_) => None,
        }
    }

    pub(super) fn sockets(&self) -> &[Socket] {
        match &self.sockets {
            Sockets::Slots(sockets) => sockets,
            Sockets::Shared(socket) => std::slice::from_ref(socket),
        }
    }

    fn tune(&self, socket: &Socket, options: &Options) -> io::Result<()> {
        let is_tcp = socket.domain()? != Domain::UNIX;
        if is_tcp {
            // Accepted sockets inherit both (tcp(7)).
            socket.set_tcp_nodelay(true)?;
            socket.set_keepalive(true)?;
        }
        // What was inherited keeps the queue that whoever has opened it wanted.
        if !matches!(self.bind, Bind::Address(_)) {
            return Ok(());
        }
        listen_on(socket, options.backlog)?;
        if is_tcp {
            let longest = if options.client_speaks_first { DEFER_LONGEST } else { Duration::ZERO };
            defer_accept(socket, longest)?;
        }
        Ok(())
    }
}

fn bind_tcp(
    address: SocketAddr,
    options: &Options,
    slots: u32,
    deadline: Instant,
) -> io::Result<Sockets> {
    // Another program's socket with SO_REUSEPORT would let ours join its group and take a share of
    // its connections; a socket without the option tells whether there is one.
    let first = tcp_socket(address, options)?;
    patiently(deadline, || first.bind(&address.into()))?;
    if options.accept == Accept::Shared {
        return Ok(Sockets::Shared(first));
    }
    // The same port for all.
    let address = first.local_addr()?.as_socket().unwrap_or(address);
    drop(first);
    let members = (0..slots).map(|_| bind_member(address, options));
    members.collect::<io::Result<_>>().map(Sockets::Slots)
}

/// A socket that shares its address with others of this process.
fn bind_member(address: SocketAddr, options: &Options) -> io::Result<Socket> {
    let socket = tcp_socket(address, options)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn tcp_socket(address: SocketAddr, options: &Options) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // Whatever net.ipv6.bindv6only says.
        socket.set_only_v6(options.v6only)?;
    }
    Ok(socket)
}

fn bind_path(
    path: &Path,
    options: &Options,
    deadline: Instant,
) -> io::Result<(Socket, SocketFile)> {
    patiently(deadline, || socket_file::listen(path, options.access, options.backlog))
}

fn bind_name(name: &str, deadline: Instant) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    let address = SockAddr::unix(format!("\0{name}"))?;
    patiently(deadline, || socket.bind(&address))?;
    Ok(socket)
}

fn take_inherited(number: i32) -> io::Result<Sockets> {
    let socket = inherited::take(number)
        .map_err(|error| io::Error::other(format!("descriptor {number}: {error}")))?;
    socket.set_nonblocking(false)?;
    Ok(Sockets::Shared(socket))
}

/// Tries again while somebody else has the address.
fn patiently<T>(deadline: Instant, mut bind: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match bind() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline => {
                thread::sleep(TAKEN_PAUSE);
            }
            result => return result,
        }
    }
}
