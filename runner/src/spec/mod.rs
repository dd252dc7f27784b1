//! What a server and a master are made of: kinds, names and the values of options.

mod address;
mod bind;
mod capability;
mod cores;
mod limit;
mod share;

pub use address::{Address, NoAddress};
pub(crate) use bind::Bind;
pub use capability::Capability;
pub use cores::CpuAffinity;
pub use limit::Limit;
pub use share::Share;

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

/// The protocol of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// HTTP/1.
    Http,
    /// Bytes over TCP.
    Tcp,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Tcp => "tcp",
        })
    }
}

/// How many workers a server has: 1 to 1024.
///
/// ```
/// use runner::Workers;
///
/// assert_eq!(Workers::from(4), Workers::Fixed(4));
/// assert_eq!(Workers::from(4..=16), Workers::Range { min: 4, max: 16 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Workers {
    /// Always this many.
    Fixed(u32),
    /// One for each core that the process may use: the least of the CPU quota of its cgroups, its
    /// affinity mask, and the cores of the machine.
    Auto,
    /// As many as the load asks for, within these bounds.
    Range {
        /// How many there are at first, and when nothing is to be done.
        min: u32,
        /// How many there are at most.
        max: u32,
    },
}

impl From<u32> for Workers {
    fn from(count: u32) -> Self {
        Self::Fixed(count)
    }
}

impl From<RangeInclusive<u32>> for Workers {
    fn from(range: RangeInclusive<u32>) -> Self {
        let (min, max) = range.into_inner();
        Self::Range { min, max }
    }
}

/// How the workers of a server share an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accept {
    /// One socket per slot, kept open by the master; the kernel spreads connections over them.
    ///
    /// Unix sockets and sockets that were inherited are always [shared](Self::Shared).
    #[default]
    Slots,
    /// One socket, from which every worker takes connections when it has room for them.
    Shared,
}

/// What TERM means to the master.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Term {
    /// Stop at once.
    #[default]
    Now,
    /// Drain first, as QUIT does.
    Graceful,
}

/// How the master makes a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spawn {
    /// A fork of the master, which shares the memory of the master until it writes to it.
    #[default]
    Fork,
    /// A new execution of the program, with nothing of the master's memory.
    Exec,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitStatus {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(number) => write!(f, "signal {number}"),
        }
    }
}

/// One address or a list of them.
///
/// | written | is |
/// |---|---|
/// | `IP:PORT`, `[IPv6]:PORT` | TCP; port 0 lets the system choose one |
/// | `unix:PATH`, `/PATH`, `./PATH` | a unix socket with a file; a relative path starts where the program was started |
/// | `@NAME` | an abstract unix socket |
/// | `fd:NUMBER` | a listening socket that was inherited, from 3 on |
/// | `systemd:NAME` | the sockets that a service manager has passed under this name; all without a name |
///
/// They are checked when the program starts, together with every other option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses(pub(crate) Vec<String>);

impl From<&str> for Addresses {
    fn from(address: &str) -> Self {
        Self(vec![address.to_owned()])
    }
}

impl From<String> for Addresses {
    fn from(address: String) -> Self {
        Self(vec![address])
    }
}

impl From<SocketAddr> for Addresses {
    fn from(address: SocketAddr) -> Self {
        Self(vec![address.to_string()])
    }
}

impl<const N: usize> From<[&str; N]> for Addresses {
    fn from(addresses: [&str; N]) -> Self {
        Self(addresses.map(str::to_owned).to_vec())
    }
}

impl From<Vec<String>> for Addresses {
    fn from(addresses: Vec<String>) -> Self {
        Self(addresses)
    }
}

/// The name of a server that is given none, from the name of its type: `my::HttpApi<T>` is `http_api`.
pub(crate) fn default_name(type_name: &str) -> String {
    let path = type_name.split('<').next().unwrap_or_default();
    let name = snake_case(path.rsplit("::").next().unwrap_or_default());
    if name.is_empty() { "server".to_owned() } else { name }
}

/// The lower-case words of `text`, joined by single underscores; words are ASCII letters and digits.
///
/// It is what a server is called in `runner.toml`, the environment and the command line.
pub(crate) fn snake_case(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut name = String::with_capacity(text.len());
    let mut boundary = false;
    for (at, &letter) in letters.iter().enumerate() {
        if !letter.is_ascii_alphanumeric() {
            boundary = true;
            continue;
        }
        let previous = at.checked_sub(1).map(|at| letters[at]);
        let next = letters.get(at + 1);
        let starts_word = letter.is_ascii_uppercase()
            && previous.is_some_and(|previous| {
                previous.is_ascii_lowercase()
                    || previous.is_ascii_digit()
                    || (previous.is_ascii_uppercase() && next.is_some_and(char::is_ascii_lowercase))
            });
        if (boundary || starts_word) && !name.is_empty() {
            name.push('_');
        }
        boundary = false;
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_default_names() {
        for (type_name, name) in [
            ("my::HttpApi<T>", "http_api"),
            ("my::HttpApi<other::T, alloc::Vec<u8>>", "http_api"),
            ("Echo", "echo"),
            ("HTTPApi", "http_api"),
            ("ApiV2", "api_v2"),
            ("Http2Server", "http2_server"),
            ("app::main::{{closure}}", "closure"),
            ("(u8, u8)", "u8_u8"),
            ("()", "server"),
            ("", "server"),
        ] {
            assert_eq!(default_name(type_name), name, "{type_name}");
        }
    }

    #[test]
    fn names_become_keys() {
        for (name, key) in [
            ("Http server", "http_server"),
            ("http_server", "http_server"),
            ("http__server_", "http_server"),
            ("Echo-7", "echo_7"),
            ("Größe", "gr_e"),
            ("日本", ""),
        ] {
            assert_eq!(snake_case(name), key, "{name}");
        }
    }
}
