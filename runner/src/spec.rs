//! What a server and a master are made of: kinds, options and their values.

use std::fmt;

/// The protocol of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// How many workers a server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Workers {
    /// Always this many.
    Fixed(u32),
    /// One for each core that the process may use.
    Auto,
}

impl From<u32> for Workers {
    fn from(count: u32) -> Self {
        Self::Fixed(count)
    }
}

/// How the workers of a server share an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accept {
    /// One socket per slot, kept open by the master; the kernel spreads connections over them.
    #[default]
    Slots,
}

/// What TERM and INT mean to the master.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Term {
    /// Stop at once.
    #[default]
    Now,
    /// Drain first, as QUIT does.
    Graceful,
}

/// The running master, as its hooks see it.
#[derive(Debug)]
pub struct Master(());

/// The end of a worker process, as `worker_exit` sees it.
#[derive(Debug)]
pub struct WorkerExit(());
