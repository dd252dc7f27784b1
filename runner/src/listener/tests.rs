//! What one server listens on, from the first bind to the last close.

use super::*;
use crate::os::hand_over::keep;
use socket2::Type;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

pub(super) fn bind_of(text: &str) -> Bind {
    Bind::Address(text.parse().expect("an address"))
}

pub(super) fn request(addresses: &[&str], slots: u32) -> Request {
    let options = Options {
        backlog: 1024,
        client_speaks_first: false,
        accept: Accept::Slots,
        v6only: true,
        access: Access::PRIVATE,
    };
    Request { binds: addresses.iter().map(|address| bind_of(address)).collect(), slots, options }
}

fn shared(addresses: &[&str], slots: u32) -> Request {
    let request = request(addresses, slots);
    Request { options: Options { accept: Accept::Shared, ..request.options.clone() }, ..request }
}

/// The real address of the how-manieth.
pub(super) fn ip(listeners: &Listeners, index: usize) -> SocketAddr {
    listeners.addresses()[index].ip().expect("an IP address")
}

/// What a worker gets, if that is asked for its addresses by its child.
fn taken(listeners: Listeners, slot: u32, binds: &[Bind]) -> Vec<(Address, bool)> {
    let listeners = listeners.take(slot, binds);
    listeners.iter().map(|it| (it.address().unwrap(), it.is_shared())).collect()
}

fn inodes(listeners: &Listeners) -> Vec<u64> {
    let exported = listeners.export();
    exported.iter().map(|one| inode(one.socket)).collect()
}

fn inode(socket: BorrowedFd<'_>) -> u64 {
    nix::sys::stat::fstat(socket).unwrap().st_ino
}

/// What an upgrade does to the sockets, less the exec.
fn hand_over(listeners: Listeners) -> Vec<Exported<OwnedFd>> {
    let exported = listeners.export().into_iter();
    exported.map(|one| one.try_map(|socket| socket.try_clone_to_owned()).unwrap()).collect()
}

#[test]
fn every_slot_has_its_socket_on_the_same_port() {
    for slot in 0..3 {
        let request = request(&["127.0.0.1:0", "[::1]:0"], 3);
        let listeners = Listeners::bind(&request).unwrap();
        let addresses = listeners.addresses().to_vec();
        let expected: Vec<_> = addresses.into_iter().map(|address| (address, false)).collect();
        assert_eq!(taken(listeners, slot, &request.binds), expected);
    }
    let request = request(&["127.0.0.1:0"], 3);
    assert!(Listeners::bind(&request).unwrap().take(3, &request.binds).is_empty());
}

#[test]
fn a_port_of_another_socket_is_refused_even_if_that_one_would_share() {
    for shares in [false, true] {
        for accept in [Accept::Slots, Accept::Shared] {
            let other = Socket::new(socket2::Domain::IPV4, Type::STREAM, None).unwrap();
            other.set_reuse_address(true).unwrap();
            other.set_reuse_port(shares).unwrap();
            other.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
            other.listen(1).unwrap();
            let port = other.local_addr().unwrap().as_socket().unwrap().port();
            for taken in [format!("127.0.0.1:{port}"), format!("0.0.0.0:{port}")] {
                let mut request = request(&["127.0.0.1:0", &taken], 2);
                request.options.accept = accept;
                let errors = Listeners::bind(&request).unwrap_err();
                assert_eq!(errors.len(), 1);
                assert_eq!(errors[0].bind, bind_of(&taken));
                let text = errors[0].to_string();
                assert!(text.ends_with("another program listens there already"), "{text}");
            }
        }
    }
}

#[test]
fn connections_wait_in_the_master_without_any_worker() {
    let listeners = Listeners::bind(&request(&["127.0.0.1:0"], 2)).unwrap();
    for _ in 0..8 {
        TcpStream::connect(ip(&listeners, 0)).unwrap();
    }
    assert_eq!(listeners.total_queued().unwrap(), 8);
}
