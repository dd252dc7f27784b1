//! Talking to the service manager, as sd_notify(3) describes it.
//!
//! The crate `sd-notify` waits when the manager does not read, and knows no abstract sockets.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::time::Duration;

const SOCKET: &str = "NOTIFY_SOCKET";
const WATCHDOG_PERIOD: &str = "WATCHDOG_USEC";
const WATCHDOG_PID: &str = "WATCHDOG_PID";

/// What the manager says to its service by the environment. They are for the master alone.
pub(crate) const VARIABLES: &[&str] = &[SOCKET, WATCHDOG_PERIOD, WATCHDOG_PID];

/// Where the service manager listens that has started this process.
#[derive(Debug)]
pub(crate) struct NotifySocket {
    address: SocketAddr,
    /// How long the manager waits for a sign of life.
    watchdog: Option<Duration>,
}

impl NotifySocket {
    /// The one that the environment names, if it names one. To be called before a fork gives
    /// the program another pid: the manager has asked the one that it knows for signs of life.
    pub(crate) fn of_environment() -> io::Result<Option<Self>> {
        let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let of_another = |pid| pid != u64::from(process::id());
        let period = number(WATCHDOG_PERIOD).filter(|period| *period > 0);
        let period = period.filter(|_| !number(WATCHDOG_PID).is_some_and(of_another));
        let Some(name) = env::var_os(SOCKET).filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        Ok(Some(Self { address: address(&name)?, watchdog: period.map(Duration::from_micros) }))
    }

    /// Says something, in lines of `NAME=value`. Never waits: with [`io::ErrorKind::WouldBlock`] the
    /// manager has not read enough of what was said before.
    ///
    /// It takes a new socket for each message, so there is nothing that a worker could inherit, and
    /// nothing that goes stale when the manager is started again.
    pub(crate) fn say(&self, lines: &str) -> io::Result<()> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.send_to_addr(lines.as_bytes(), &self.address)?;
        Ok(())
    }

    pub(crate) fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Somebody who listens at the path, and waits that long for a sign of life.
    #[cfg(test)]
    pub(crate) fn at(path: &std::path::Path, watchdog: Option<Duration>) -> io::Result<Self> {
        Ok(Self { address: address(path.as_os_str())?, watchdog })
    }
}

/// An absolute path, or a name behind `@`, which has no file.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(name),
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "expected `/PATH` or `@NAME`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said arrives, as one message; a queue that is full and a manager that is gone are
    /// errors, at once.
    #[test]
    fn nobody_waits_for_the_manager() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let abstract_name = format!("@{}", path.display());
        let abstract_address = address(OsStr::new(&abstract_name)).unwrap();
        for (name, listening) in [
            (path.to_str().unwrap(), UnixDatagram::bind(&path).unwrap()),
            (&abstract_name, UnixDatagram::bind_addr(&abstract_address).unwrap()),
        ] {
            let socket =
                NotifySocket { address: address(OsStr::new(name)).unwrap(), watchdog: None };
            socket.say("READY=1\nSTATUS=fine").unwrap();
            let mut heard = [0; 64];
            let length = listening.recv(&mut heard).unwrap();
            assert_eq!(&heard[..length], b"READY=1\nSTATUS=fine");
            let full = (0..100_000).find_map(|_| socket.say("STATUS=more").err());
            assert_eq!(full.map(|error| error.kind()), Some(io::ErrorKind::WouldBlock), "{name}");
            drop(listening);
            let gone = socket.say("READY=1").unwrap_err();
            assert_eq!(gone.kind(), io::ErrorKind::ConnectionRefused, "{name}");
        }
    }

    #[test]
    fn other_names_are_refused() {
        for name in ["vsock:2:1234", "relative", ""] {
            assert!(address(OsStr::new(name)).is_err(), "{name}");
        }
    }
}
