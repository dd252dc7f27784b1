//! Listening sockets that whoever started the program has opened: by their numbers, or as a service
//! manager passes them (sd_listen_fds(3)).

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use socket2::{Domain, SockRef, Socket, Type};
use std::env;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::process;

/// The number of the first socket that a service manager passes (`SD_LISTEN_FDS_START`).
const FIRST: RawFd = 3;

/// What a service manager says in the environment.
const LISTEN_PID: &str = "LISTEN_PID";
const LISTEN_FDS: &str = "LISTEN_FDS";
const LISTEN_FDNAMES: &str = "LISTEN_FDNAMES";
const LISTEN_PIDFDID: &str = "LISTEN_PIDFDID";

/// What it says is for the process that it has started, not for those that this one starts.
pub(crate) const VARIABLES: &[&str] = &[LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PIDFDID];

/// The name of a socket where there are no names.
const UNNAMED: &str = "unknown";

/// Takes a listening stream socket that was open when this program was executed. Each is there
/// once: what is taken, and everything that is opened here, is closed by an exec, and what was
/// inherited is not.
pub(crate) fn take(number: RawFd) -> io::Result<Socket> {
    if number < FIRST {
        return Err(io::Error::other("it is a standard stream"));
    }
    // SAFETY: the number is only used for system calls that fail when nothing is open there.
    let there = unsafe { BorrowedFd::borrow_raw(number) };
    let flags = fcntl_getfd(there).map_err(|_| io::Error::other("nothing is open there"))?;
    if flags.contains(FdFlags::CLOEXEC) {
        return Err(io::Error::other("it was not inherited, or is taken already"));
    }
    check(&SockRef::from(&there))?;
    fcntl_setfd(there, FdFlags::CLOEXEC)?;
    // SAFETY: it is open, and has no owner: whatever is opened here has the flag from the beginning,
    // and who takes it sets the flag.
    Ok(unsafe { OwnedFd::from_raw_fd(number) }.into())
}

fn check(socket: &Socket) -> io::Result<()> {
    let Ok(kind) = socket.r#type() else {
        return Err(io::Error::other("it is no socket"));
    };
    if kind != Type::STREAM {
        return Err(io::Error::other("it is no stream socket"));
    }
    if ![Domain::IPV4, Domain::IPV6, Domain::UNIX].contains(&socket.domain()?) {
        return Err(io::Error::other("it is neither a TCP nor a unix socket"));
    }
    if !socket.is_listener()? {
        return Err(io::Error::other("it is a socket that does not listen"));
    }
    Ok(())
}

/// The numbers of the sockets that were passed to this process under a name, or of all; at least
/// one.
pub(crate) fn passed(name: Option<&str>) -> io::Result<Vec<RawFd>> {
    let variable = |name| env::var(name).ok();
    let [pid, count, names] = [LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES].map(variable);
    let (Some(pid), Some(count)) = (pid, count) else {
        return Err(io::Error::other(format!(
            "no sockets were passed: {LISTEN_PID} and {LISTEN_FDS} are not set, as a socket unit sets them"
        )));
    };
    if pid != process::id().to_string() {
        return Err(io::Error::other(format!(
            "the sockets were passed to another process: {LISTEN_PID} is {pid}, and this is {}",
            process::id()
        )));
    }
    numbers(name, &count, names.as_deref()).map_err(io::Error::other)
}

fn numbers(name: Option<&str>, count: &str, names: Option<&str>) -> Result<Vec<RawFd>, String> {
    let count: u16 = count.parse().map_err(|_| format!("{LISTEN_FDS} is `{count}`, no number"))?;
    let mut names = names.into_iter().flat_map(|names| names.split(':'));
    let sockets: Vec<_> = (FIRST..)
        .take(count.into())
        .map(|number| (number, names.next().unwrap_or(UNNAMED)))
        .collect();
    let is_wanted = |known: &str| name.is_none_or(|name| name == known);
    let wanted: Vec<_> =
        sockets.iter().filter(|(_, known)| is_wanted(known)).map(|(number, _)| *number).collect();
    if !wanted.is_empty() {
        return Ok(wanted);
    }
    if sockets.is_empty() {
        return Err(format!("no sockets were passed: {LISTEN_FDS} is 0"));
    }
    let known: Vec<_> = sockets.iter().map(|(_, known)| format!("`{known}`")).collect();
    Err(format!("no socket of this name was passed, but {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{SocketAddr, TcpListener, UdpSocket};
    use std::os::fd::{AsRawFd, IntoRawFd};

    /// As if it had been open before this program.
    fn inherit(file: impl Into<OwnedFd>) -> RawFd {
        let file = file.into();
        fcntl_setfd(&file, FdFlags::empty()).unwrap();
        file.into_raw_fd()
    }

    fn refusal(number: RawFd) -> String {
        take(number).unwrap_err().to_string()
    }

    #[test]
    fn a_listening_socket_is_taken_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let number = inherit(listener);
        let taken = take(number).unwrap();
        assert_eq!(taken.local_addr().unwrap().as_socket(), Some(address));
        assert!(fcntl_getfd(&taken).unwrap().contains(FdFlags::CLOEXEC));
        assert_eq!(refusal(number), "it was not inherited, or is taken already");
    }

    #[test]
    fn everything_else_is_refused() {
        let own = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(refusal(own.as_raw_fd()), "it was not inherited, or is taken already");
        assert_eq!(refusal(1 << 20), "nothing is open there");
        assert_eq!(refusal(-1), "it is a standard stream");
        assert_eq!(refusal(0), "it is a standard stream");
        let null = inherit(std::fs::File::open("/dev/null").unwrap());
        assert_eq!(refusal(null), "it is no socket");
        let datagrams = inherit(UdpSocket::bind("127.0.0.1:0").unwrap());
        assert_eq!(refusal(datagrams), "it is no stream socket");
        let silent = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        silent.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        assert_eq!(refusal(inherit(silent)), "it is a socket that does not listen");
    }

    #[test]
    fn sockets_are_found_by_name() {
        let check = |name, count, names, expected: Result<&[RawFd], &str>| {
            let expected = expected.map(<[_]>::to_vec).map_err(str::to_owned);
            assert_eq!(numbers(name, count, names), expected, "{name:?} {count} {names:?}");
        };
        let names = Some("web:admin:web");
        check(Some("web"), "3", names, Ok(&[3, 5]));
        check(Some("admin"), "3", names, Ok(&[4]));
        check(None, "3", names, Ok(&[3, 4, 5]));
        check(None, "2", None, Ok(&[3, 4]));
        check(Some("unknown"), "4", names, Ok(&[6]));
        check(
            Some("wbe"),
            "2",
            names,
            Err("no socket of this name was passed, but `web`, `admin`"),
        );
        check(None, "0", None, Err("no sockets were passed: LISTEN_FDS is 0"));
        check(None, "x", None, Err("LISTEN_FDS is `x`, no number"));
        check(None, "-1", None, Err("LISTEN_FDS is `-1`, no number"));
    }
}
