//! Limits on what a process may use (getrlimit(2)).

use rustix::process::{Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use std::{fmt, fs, io};

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Resource {
    /// Bytes of address space.
    As,
    /// Bytes of a core dump.
    Core,
    /// Seconds of CPU time, after which the kernel kills the process.
    Cpu,
    /// Bytes of data, initialised and not.
    Data,
    /// Bytes of a file that the process writes.
    Fsize,
    /// Bytes of memory that are kept from being swapped out.
    Memlock,
    /// Open descriptors.
    Nofile,
    /// Processes and threads of the user, all of them together.
    Nproc,
    /// Bytes of stack of the main thread, and of programs that the process starts.
    Stack,
}

/// How much of it a process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Limit {
    /// At most so many.
    Most(u64),
    /// As much as there is.
    Unlimited,
}

impl Resource {
    /// The limit up to which this process may raise its own, without CAP_SYS_RESOURCE.
    pub(crate) fn hard_limit(self) -> Limit {
        Limit::of(getrlimit(self.into()).maximum)
    }

    /// The most that the kernel lets anybody have.
    pub(crate) fn ceiling(self) -> Limit {
        match self {
            // More than this is refused, to root as well (proc_sys_fs(5)).
            Self::Nofile => fs::read_to_string("/proc/sys/fs/nr_open")
                .ok()
                .and_then(|text| text.trim().parse().ok())
                .map_or(Limit::Unlimited, Limit::Most),
            _ => Limit::Unlimited,
        }
    }

    /// Sets what is enforced, the soft limit, and what it may be raised to, the hard one.
    pub(crate) fn limit_to(self, limit: Limit) -> io::Result<()> {
        let value = limit.value();
        Ok(setrlimit(self.into(), Rlimit { current: value, maximum: value })?)
    }

    /// Makes use of all that is allowed: the soft limit becomes the hard one.
    pub(crate) fn raise(self) -> io::Result<()> {
        let Rlimit { maximum, .. } = getrlimit(self.into());
        Ok(setrlimit(self.into(), Rlimit { current: maximum, maximum })?)
    }

    /// Whether both limits are this one.
    pub(crate) fn is_limited_to(self, limit: Limit) -> bool {
        let Rlimit { current, maximum } = getrlimit(self.into());
        current == limit.value() && maximum == limit.value()
    }
}

impl From<Resource> for rustix::process::Resource {
    fn from(resource: Resource) -> Self {
        match resource {
            Resource::As => Self::As,
            Resource::Core => Self::Core,
            Resource::Cpu => Self::Cpu,
            Resource::Data => Self::Data,
            Resource::Fsize => Self::Fsize,
            Resource::Memlock => Self::Memlock,
            Resource::Nofile => Self::Nofile,
            Resource::Nproc => Self::Nproc,
            Resource::Stack => Self::Stack,
        }
    }
}

impl Limit {
    fn of(value: Option<u64>) -> Self {
        value.map_or(Self::Unlimited, Self::Most)
    }

    fn value(self) -> Option<u64> {
        match self {
            Self::Most(most) => Some(most),
            Self::Unlimited => None,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Most(most) => write!(f, "{most}"),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}
