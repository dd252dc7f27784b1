//! How many connections wait at a unix socket: what only netlink tells (sock_diag(7)).

use nix::sys::stat::fstat;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, Read};
use std::os::fd::AsFd;

/// The message that asks for sockets, and its flag (`linux/sock_diag.h`, `linux/netlink.h`).
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;
/// The attribute with the lengths of the queues, and the bit that asks for it
/// (`linux/unix_diag.h`).
const UNIX_DIAG_RQLEN: u16 = 4;
const UDIAG_SHOW_RQLEN: u32 = 1 << 4;

/// How long the header of a message is, and the part of the answer before its attributes.
const HEADER: usize = 16;
const ANSWER: usize = 16;

/// How many connections wait to be accepted. An error of a kernel without `CONFIG_UNIX_DIAG`.
pub(crate) fn queued(listener: impl AsFd) -> io::Result<u32> {
    let inode = fstat(listener)?.st_ino as u32;
    let (family, protocol) = (Domain::from(libc::AF_NETLINK), libc::NETLINK_SOCK_DIAG);
    let netlink = Socket::new(family, Type::DGRAM, Some(Protocol::from(protocol)))?;
    // The kernel answers before it returns.
    netlink.set_nonblocking(true)?;
    netlink.send(&request(inode))?;
    let mut answer = [0; 256];
    let length = (&netlink).read(&mut answer)?;
    length_in(&answer[..length])
}

/// A header, and the `unix_diag_req` that follows it.
fn request(inode: u32) -> Vec<u8> {
    let all_states = u32::MAX;
    let any_cookie = [u32::MAX; 2];
    let family = libc::AF_UNIX as u8;
    let mut bytes = Vec::new();
    bytes.extend(((HEADER + 24) as u32).to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([family, 0, 0, 0]);
    for word in [all_states, inode, UDIAG_SHOW_RQLEN, any_cookie[0], any_cookie[1]] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes
}

/// The length of the queue, from the attribute that holds it.
fn length_in(answer: &[u8]) -> io::Result<u32> {
    let short = || io::Error::new(io::ErrorKind::InvalidData, "sock_diag: an answer without it");
    let half = |at| bytes_at(answer, at).map(u16::from_ne_bytes);
    let word = |at| bytes_at(answer, at).map(u32::from_ne_bytes);
    if half(4).ok_or_else(short)? == NLMSG_ERROR {
        let code = word(HEADER).ok_or_else(short)?.cast_signed();
        return Err(io::Error::from_raw_os_error(code.saturating_neg()));
    }
    let mut at = HEADER + ANSWER;
    while let (Some(length), Some(kind)) = (half(at), half(at + 2)) {
        if kind == UNIX_DIAG_RQLEN {
            return word(at + 4).ok_or_else(short);
        }
        // Attributes begin at multiples of four.
        at += usize::from(length.max(4)).next_multiple_of(4);
    }
    Err(short())
}

fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn those_that_wait_are_counted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let mut clients = Vec::new();
        for count in 0..5 {
            assert_eq!(queued(&listener).unwrap(), count);
            clients.push(UnixStream::connect(&path).unwrap());
        }
        listener.accept().unwrap();
        assert_eq!(queued(&listener).unwrap(), 4);
    }

    #[test]
    fn what_is_no_unix_socket_is_an_error() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(queued(&listener).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn short_answers_are_errors() {
        for length in 0..64 {
            assert!(length_in(&vec![0; length]).is_err(), "{length}");
        }
    }
}
