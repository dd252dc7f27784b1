//! A listening socket, as a worker gets it.

use crate::os::{tcp, unix_queue};
use crate::spec::Address;
use socket2::{Domain, SockAddr, Socket};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

/// A socket that listens, of TCP or unix.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Socket,
    /// Whether all workers of the server accept from it, and not only the one in its slot.
    shared: bool,
}

impl Listener {
    pub(crate) fn new(socket: Socket, shared: bool) -> Self {
        Self { socket, shared }
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// Where it listens.
    #[cfg(test)]
    pub(crate) fn address(&self) -> io::Result<Address> {
        self.socket.local_addr().map(|address| address_of(&address))
    }

    /// How many connections wait to be accepted.
    pub(crate) fn queued(&self) -> io::Result<u32> {
        queued(&self.socket)
    }

    /// The next connection, and where it comes from.
    pub(crate) fn accept(&self) -> io::Result<(Socket, Address)> {
        let (socket, peer) = self.socket.accept()?;
        Ok((socket, address_of(&peer)))
    }
}

/// How many connections wait to be accepted.
pub(super) fn queued(socket: &Socket) -> io::Result<u32> {
    if socket.domain()? == Domain::UNIX { unix_queue::queued(socket) } else { tcp::queued(socket) }
}

/// The address as people write it.
pub(crate) fn address_of(address: &SockAddr) -> Address {
    if let Some(ip) = address.as_socket() {
        return Address::Ip(ip);
    }
    if let Some(path) = address.as_pathname() {
        return Address::Unix(PathBuf::from(path));
    }
    match address.as_abstract_namespace() {
        Some(name) => Address::Abstract(String::from_utf8_lossy(name).into_owned()),
        None => Address::Unnamed,
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl From<Listener> for OwnedFd {
    fn from(listener: Listener) -> Self {
        listener.socket.into()
    }
}
