//! What a server is to listen on.

use super::Address;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An address to bind, or sockets that whoever started the program has bound.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bind {
    /// Port 0 is a free port, another one each time.
    Address(Address),
    /// An inherited socket, by its number.
    Descriptor(i32),
    /// The sockets that a service manager has passed, sd_listen_fds(3): those of this name, or all.
    Systemd(Option<String>),
}

impl Bind {
    /// Whether the system chooses the port, so that it can be bound many times.
    pub(crate) fn is_any_port(&self) -> bool {
        matches!(self, Self::Address(Address::Ip(address)) if address.port() == 0)
    }

    pub(crate) fn is_unix(&self) -> bool {
        matches!(self, Self::Address(address) if address.is_unix())
    }

    pub(crate) fn is_ipv6(&self) -> bool {
        matches!(self, Self::Address(Address::Ip(address)) if address.is_ipv6())
    }

    /// Whether both cannot be had at once, where IPv6 sockets are for IPv6 only or not. The kernel
    /// gives a port of all interfaces to one socket, and so to no other on any of them.
    pub(crate) fn overlaps(&self, v6only: bool, other: &Self, other_v6only: bool) -> bool {
        match (self, other) {
            (Self::Address(Address::Ip(one)), Self::Address(Address::Ip(two))) => {
                let one_is_wider = one.ip().is_unspecified()
                    && (one.is_ipv4() == two.is_ipv4() || one.is_ipv6() && !v6only);
                let other_is_wider = two.ip().is_unspecified()
                    && (one.is_ipv4() == two.is_ipv4() || two.is_ipv6() && !other_v6only);
                one.port() == two.port()
                    && one.port() != 0
                    && (one == two || one_is_wider || other_is_wider)
            }
            (Self::Systemd(one), Self::Systemd(two)) => {
                one == two || one.is_none() || two.is_none()
            }
            _ => self == other,
        }
    }
}

/// As the configuration has it.
impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Descriptor(number) => write!(f, "fd:{number}"),
            Self::Systemd(Some(name)) => write!(f, "systemd:{name}"),
            Self::Systemd(None) => f.write_str("systemd"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(text: &str) -> Bind {
        match text.split_once(':') {
            Some(("fd", number)) => Bind::Descriptor(number.parse().unwrap()),
            Some(("systemd", name)) => Bind::Systemd(Some(name.to_owned())),
            _ if text == "systemd" => Bind::Systemd(None),
            _ => Bind::Address(text.parse().unwrap()),
        }
    }

    #[test]
    fn what_cannot_be_had_twice() {
        for (one, two, both_v6only, both_dual) in [
            ("127.0.0.1:80", "127.0.0.1:80", true, true),
            ("127.0.0.1:80", "127.0.0.1:81", false, false),
            ("127.0.0.1:80", "127.0.0.2:80", false, false),
            ("127.0.0.1:0", "127.0.0.1:0", false, false),
            ("0.0.0.0:0", "127.0.0.1:0", false, false),
            ("0.0.0.0:80", "127.0.0.1:80", true, true),
            ("0.0.0.0:80", "[::1]:80", false, false),
            ("[::]:80", "[::1]:80", true, true),
            ("[::]:80", "0.0.0.0:80", false, true),
            ("[::]:80", "127.0.0.1:80", false, true),
            ("[::1]:80", "127.0.0.1:80", false, false),
            ("unix:/run/a", "unix:/run/a", true, true),
            ("unix:/run/a", "unix:/run/b", false, false),
            ("@a", "@a", true, true),
            ("@a", "unix:a", false, false),
            ("fd:3", "fd:3", true, true),
            ("fd:3", "fd:4", false, false),
            ("systemd:a", "systemd:a", true, true),
            ("systemd:a", "systemd:b", false, false),
            ("systemd", "systemd:b", true, true),
            ("systemd", "fd:3", false, false),
        ] {
            assert_eq!(bind(one).to_string(), one);
            let (one, two) = (bind(one), bind(two));
            for (v6only, expected) in [(true, both_v6only), (false, both_dual)] {
                assert_eq!(one.overlaps(v6only, &two, v6only), expected, "{one} {two} {v6only}");
                assert_eq!(two.overlaps(v6only, &one, v6only), expected, "{two} {one} {v6only}");
            }
        }
    }
}
