//! Where a server listens, and where its clients are.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// The address of a socket: where a server listens, or who is at the other end of a connection.
///
/// ```
/// use runner::Address;
///
/// let client = Address::Ip("192.0.2.1:50000".parse().unwrap());
/// assert_eq!(client.to_string(), "192.0.2.1:50000");
/// assert_eq!(client.ip().map(|ip| ip.port()), Some(50000));
/// assert_eq!(Address::Unix("/run/app.sock".into()).to_string(), "unix:/run/app.sock");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
#[non_exhaustive]
pub enum Address {
    /// An IP address and a port, of TCP or UDP: `127.0.0.1:8080`, `[::1]:8080`.
    Ip(SocketAddr),
    /// A unix socket with a file: `unix:/run/app.sock`.
    Unix(PathBuf),
    /// A unix socket with a name and no file, which ends with its last process (unix(7)): `@app`.
    Abstract(String),
    /// A unix socket without a name, as most clients have it: `unix:`.
    Unnamed,
}

impl Address {
    /// The IP address and the port; none of a unix socket.
    #[must_use]
    pub fn ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Unix(_) | Self::Abstract(_) | Self::Unnamed => None,
        }
    }

    /// Whether it is that of a unix socket.
    #[must_use]
    pub fn is_unix(&self) -> bool {
        self.ip().is_none()
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Abstract(name) => write!(f, "@{}", name.escape_debug()),
            Self::Unnamed => f.write_str("unix:"),
        }
    }
}

/// A text that is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAddress;

impl fmt::Display for NoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected `IP:PORT`, `[IPv6]:PORT`, `unix:PATH` or `@NAME`")
    }
}

impl std::error::Error for NoAddress {}

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        match text.strip_prefix("unix:") {
            Some("") => Ok(Self::Unnamed),
            Some(path) => Ok(Self::Unix(path.into())),
            None => match text.strip_prefix('@') {
                Some(name) if !name.is_empty() => Ok(Self::Abstract(name.to_owned())),
                _ => text.parse().map(Self::Ip).map_err(|_| NoAddress),
            },
        }
    }
}

impl TryFrom<String> for Address {
    type Error = NoAddress;

    fn try_from(text: String) -> Result<Self, NoAddress> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for text in ["127.0.0.1:80", "[::1]:80", "unix:/run/a b", "@name", "unix:"] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        for text in ["", "@", "host:80", "/run/a", "127.0.0.1"] {
            assert_eq!(text.parse::<Address>(), Err(NoAddress), "{text}");
        }
    }
}
