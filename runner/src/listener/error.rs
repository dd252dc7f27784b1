//! Why an address cannot be had.

use crate::spec::{Address, Bind};
use std::fmt;
use std::io;

/// Something that could not be bound or taken, and why.
#[derive(Debug)]
pub(crate) struct BindError {
    pub(crate) bind: Bind,
    pub(crate) error: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bind, error } = self;
        write!(f, "cannot listen on {bind}: ")?;
        match (bind, error.kind()) {
            (_, io::ErrorKind::AddrInUse) => f.write_str("another program listens there already"),
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
