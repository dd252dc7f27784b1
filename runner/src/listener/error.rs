//! Why an address cannot be had.

use crate::os::holder::{self, Holder};
use crate::spec::{Address, Bind};
use std::fmt;
use std::io;

/// Something that could not be bound or taken, and why.
#[derive(Debug)]
pub(crate) struct BindError {
    pub(super) bind: Bind,
    error: io::Error,
    /// Who has it, where it is in use and that can be found out.
    holder: Option<Holder>,
}

impl BindError {
    pub(super) fn new(bind: &Bind, error: io::Error) -> Self {
        let holder = match bind {
            _ if error.kind() != io::ErrorKind::AddrInUse => None,
            Bind::Address(Address::Ip(address)) => holder::of_port(address.port()),
            Bind::Address(Address::Unix(path)) => path.to_str().and_then(holder::of_unix_socket),
            Bind::Address(address) => holder::of_unix_socket(&address.to_string()),
            Bind::Descriptor(_) | Bind::Systemd(_) => None,
        };
        Self { bind: bind.clone(), error, holder }
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bind, error, holder } = self;
        write!(f, "cannot listen on {bind}: ")?;
        match (bind, error.kind()) {
            (_, io::ErrorKind::AddrInUse) => {
                f.write_str("another program listens there already")?;
                holder.iter().try_for_each(|it| write!(f, ": {it}"))
            }
            (_, io::ErrorKind::AddrNotAvailable) => f.write_str("this machine has no such address"),
            (Bind::Address(Address::Ip(_)), io::ErrorKind::PermissionDenied) => write!(
                f,
                "not permitted: {error}; a port below 1024 needs root or CAP_NET_BIND_SERVICE"
            ),
            (Bind::Address(Address::Unix(_)), io::ErrorKind::NotFound) => {
                write!(f, "{error}; the directory has to be there")
            }
            _ => error.fmt(f),
        }
    }
}
