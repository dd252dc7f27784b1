//! What one server listens on, from the first bind to the last close.

use super::*;
use socket2::{Domain, SockAddr, Type};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
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
    let exported = exported.map(|one| one.try_map(|socket| socket.try_clone_to_owned()).unwrap());
    let exported = exported.collect();
    drop(listeners);
    exported
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
            let other = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
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
                assert!(text.contains("another program listens there already: `"), "{text}");
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

#[test]
fn a_shared_address_has_one_socket_that_blocks() {
    let directory = tempfile::tempdir().unwrap();
    let path = format!("unix:{}", directory.path().join("app.sock").display());
    let name = format!("@runner test {}", directory.path().display());
    let binds = ["127.0.0.1:0", &path, &name];
    for slot in [0, 5] {
        let request = shared(&binds, 3);
        let listeners = Listeners::bind(&request).unwrap();
        assert_eq!(listeners.sockets(0).count(), 0);
        assert_eq!(listeners.export().len(), 3);
        for socket in listeners.groups.iter().flat_map(Group::sockets) {
            assert!(!socket.nonblocking().unwrap());
        }
        let expected =
            listeners.addresses().iter().map(|it| (it.clone(), true)).collect::<Vec<_>>();
        assert_eq!(expected[1].0.to_string(), path);
        assert_eq!(expected[2].0.to_string(), name);
        listeners.remove_files();
        assert_eq!(taken(listeners, slot, &request.binds), expected);
    }
}

#[test]
fn connections_to_unix_sockets_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.sock");
    let listeners = Listeners::bind(&request(&[&unix(&path)], 2)).unwrap();
    let _clients: Vec<_> = (0..3).map(|_| UnixStream::connect(&path).unwrap()).collect();
    assert_eq!(listeners.total_queued().unwrap(), 3);
    assert_eq!(listeners.queued(0).unwrap(), 0);
}

/// A worker of an older configuration gets what that one has, in whatever order.
#[test]
fn a_worker_gets_the_addresses_of_its_configuration() {
    let old = request(&["127.0.0.1:0", "[::1]:0"], 2);
    let mut listeners = Listeners::bind(&old).unwrap();
    listeners.add(&[bind_of("127.0.0.1:0")]).unwrap();
    let all = listeners.addresses().to_vec();
    assert_eq!(all.len(), 3);
    let of = |binds: &[&str]| {
        let binds: Vec<_> = binds.iter().map(|bind| bind_of(bind)).collect();
        let indices = listeners.matching(&binds, false);
        indices.into_iter().map(|index| all[index].clone()).collect::<Vec<_>>()
    };
    assert_eq!(of(&["127.0.0.1:0", "[::1]:0"]), all[..2]);
    assert_eq!(of(&["[::1]:0"]), all[1..2]);
    assert_eq!(of(&["127.0.0.1:0"]), all[..1]);
    assert_eq!(of(&["127.0.0.1:0", "[::1]:0", "127.0.0.1:0"]), all);
    assert_eq!(of(&["127.0.0.1:1"]), []);
}

#[test]
fn addresses_come_all_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let (good, taken) = (directory.path().join("good"), directory.path().join("taken"));
    let mut listeners = Listeners::bind(&request(&["127.0.0.1:0"], 2)).unwrap();
    let before = inodes(&listeners);
    let _other = UnixListener::bind(&taken).unwrap();
    let added = [bind_of(&unix(&good)), bind_of("127.0.0.1:0"), bind_of(&unix(&taken))];
    let errors = listeners.add(&added).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].bind, added[2]);
    assert!(!good.exists() && taken.exists());
    assert_eq!((inodes(&listeners), listeners.addresses().len()), (before, 1));
    assert_eq!(listeners.missing(&added).len(), 2);
    listeners.add(&added[..2]).unwrap();
    assert_eq!(listeners.missing(&added), added[2..]);
    assert_eq!(listeners.addresses().len(), 3);
    assert!(good.exists());
}

/// What goes is what was there last, and only the own file (P23).
#[test]
fn addresses_go_with_their_files() {
    let directory = tempfile::tempdir().unwrap();
    let (ours, lost) = (directory.path().join("ours"), directory.path().join("lost"));
    let binds = ["127.0.0.1:0", "127.0.0.1:0", &unix(&ours), &unix(&lost)];
    let mut listeners = Listeners::bind(&request(&binds, 2)).unwrap();
    let (first, second) = (ip(&listeners, 0), ip(&listeners, 1));
    std::fs::remove_file(&lost).unwrap();
    let successor = UnixListener::bind(&lost).unwrap();
    listeners.remove(&[bind_of(binds[0]), bind_of(binds[2]), bind_of(binds[3])]);
    assert_eq!(listeners.addresses(), [first.into()]);
    assert!(TcpStream::connect(second).is_err());
    TcpStream::connect(first).unwrap();
    assert!(!ours.exists());
    UnixStream::connect(&lost).unwrap();
    drop(successor);
}

/// Workers drop what they have of the master, and the files stay.
#[test]
fn dropping_them_leaves_the_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.sock");
    drop(Listeners::bind(&request(&[&unix(&path)], 1)).unwrap());
    assert!(path.exists());
    let listeners = Listeners::bind(&request(&[&unix(&path)], 1)).unwrap();
    listeners.remove_files();
    assert!(!path.exists());
}

#[test]
fn a_new_address_is_steered_like_the_others() {
    let mut listeners = Listeners::bind(&request(&["127.0.0.1:0"], 3)).unwrap();
    listeners.steer(&[1]).unwrap();
    listeners.add(&[bind_of("127.0.0.1:0")]).unwrap();
    let _clients: Vec<_> =
        (0..20).map(|_| TcpStream::connect(ip(&listeners, 1)).unwrap()).collect();
    assert_eq!(listeners.queued(1).unwrap(), 20);
    listeners.grow(4).unwrap();
    assert_eq!(listeners.sockets(3).count(), 2);
}

#[test]
fn options_are_applied_to_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.sock");
    let mut request = request(&["127.0.0.1:0", &unix(&path)], 1);
    request.options.backlog = 1;
    let mut listeners = Listeners::bind(&request).unwrap();
    let mut waiting = Vec::new();
    while let Some(client) = try_connect(&path) {
        waiting.push(client);
    }
    let access = Access { mode: 0o660, ..Access::PRIVATE };
    listeners.configure(Options { backlog: 100, access, ..request.options }).unwrap();
    assert!(try_connect(&path).is_some(), "the queue is longer");
    assert_eq!(mode_of(&path), 0o660);
}

/// The same sockets, each in its place, and steered as before (P4, P5).
#[test]
fn sockets_survive_a_hand_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.sock");
    let binds = ["127.0.0.1:0", "127.0.0.1:0", "[::1]:0", &unix(&path)];
    let mut before = Listeners::bind(&request(&binds, 3)).unwrap();
    before.steer(&[0, 2]).unwrap();
    let (addresses, sockets) = (before.addresses().to_vec(), inodes(&before));
    assert_eq!(sockets.len(), 10);
    let mut exported = hand_over(before);
    exported.reverse();
    let options = request(&[], 0).options;
    let mut after = Listeners::adopt(options, 3, exported).unwrap();
    assert_eq!((after.addresses(), inodes(&after)), (&*addresses, sockets));
    assert_eq!((after.slots(), &after.steered[..]), (3, &[0, 2][..]));
    assert_eq!(after.missing(&request(&binds, 0).binds), []);
    after.grow(4).unwrap();
    let _clients: Vec<_> = (0..20).map(|_| TcpStream::connect(ip(&after, 1)).unwrap()).collect();
    let queued: Vec<_> = (0..4).map(|slot| after.queued(slot).unwrap()).collect();
    assert_eq!((queued[1], queued[3], queued[0] + queued[2]), (0, 0, 20));
    after.remove_files();
    assert!(!path.exists());
}

/// A file that somebody else put in the place of ours before the hand-over stays theirs after it.
#[test]
fn a_lost_file_is_not_regained_by_a_hand_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.sock");
    let request = request(&[&unix(&path)], 1);
    let before = Listeners::bind(&request).unwrap();
    std::fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    let mode = mode_of(&path);
    assert_ne!(mode, request.options.access.mode);
    let after = Listeners::adopt(request.options, 1, hand_over(before)).unwrap();
    assert_eq!(mode_of(&path), mode);
    after.remove_files();
    UnixStream::connect(&path).unwrap();
}

#[test]
fn what_was_handed_over_in_part_is_an_error() {
    let options = request(&[], 0).options;
    for missing in 0..4 {
        let before = Listeners::bind(&request(&["127.0.0.1:0", "[::1]:0"], 2)).unwrap();
        let mut exported = hand_over(before);
        exported.remove(missing);
        let error = Listeners::adopt(options.clone(), 2, exported).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{missing}: {error}");
    }
    let nothing = Listeners::adopt(options, 0, Vec::new()).unwrap();
    assert_eq!((nothing.slots(), nothing.addresses()), (0, &[][..]));
}

#[test]
fn ipv6_is_for_ipv6_only_unless_it_is_not() {
    for v6only in [true, false] {
        let mut request = request(&["[::]:0"], 1);
        request.options.v6only = v6only;
        let listeners = Listeners::bind(&request).unwrap();
        let port = ip(&listeners, 0).port();
        TcpStream::connect(("::1", port)).unwrap();
        assert_eq!(TcpStream::connect(("127.0.0.1", port)).is_ok(), !v6only);
    }
}

fn unix(path: &Path) -> String {
    format!("unix:{}", path.display())
}

fn mode_of(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// None: the queue is full.
fn try_connect(path: &Path) -> Option<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.connect(&SockAddr::unix(path).unwrap()).ok().map(|()| socket)
}
