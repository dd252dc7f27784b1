//! The one table of options: name, type, where it belongs, and whether it has an effect yet.

use crate::events::Kind;
use State::{Available, Planned};
use Type::{
    Addresses, Choice, Count, Crates, Duration, Flag, Integer, Nested, Octal, Size, Text, Types,
    Workers,
};

/// An option of `#[server]` or `#[master]`.
pub(crate) struct Opt {
    pub(crate) name: &'static str,
    pub(crate) kind: Type,
    /// The kinds of server that have it; empty means all of them.
    pub(crate) kinds: &'static [&'static str],
    pub(crate) state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Available,
    /// Known and checked, but refused until the runtime acts on it.
    Planned,
}

/// The type of an option's value.
#[derive(Clone, Copy)]
pub(crate) enum Type {
    /// A string, or a constant.
    Text,
    /// One address or an array of them.
    Addresses,
    /// A number, `auto`, or a range in a string.
    Workers,
    /// A number of things, at least this many; the name of its Rust type.
    Count(u64, &'static str),
    /// Any whole number.
    Integer,
    /// `"30s"`.
    Duration,
    /// `"64KiB"`, or a number of bytes.
    Size,
    /// `true` or `false`.
    Flag,
    /// `0o027` or `"027"`.
    Octal,
    /// One word of a list.
    Choice(&'static [Word]),
    /// `name(key = value, …)`; no keys means that any key is accepted.
    Nested(&'static [&'static str]),
    /// `name(A, b::B)`: types.
    Types,
    /// `name(a, b)`: crates.
    Crates,
}

/// A word of a choice.
pub(crate) struct Word {
    pub(crate) word: &'static str,
    /// The enum of the runtime and its variant; `None` is the default, which needs no call.
    pub(crate) variant: Option<(&'static str, &'static str)>,
    pub(crate) state: State,
}

const fn option(name: &'static str, kind: Type) -> Opt {
    Opt { name, kind, kinds: &[], state: Available }
}

const fn of(kinds: &'static [&'static str], name: &'static str, kind: Type) -> Opt {
    Opt { name, kind, kinds, state: Available }
}

const fn planned(name: &'static str, kind: Type) -> Opt {
    Opt { name, kind, kinds: &[], state: Planned }
}

const fn planned_of(kinds: &'static [&'static str], name: &'static str, kind: Type) -> Opt {
    Opt { name, kind, kinds, state: Planned }
}

const ACCEPT: &[Word] = &[
    Word { word: "slots", variant: Some(("Accept", "Slots")), state: Available },
    Word { word: "shared", variant: None, state: Planned },
];
const TERM: &[Word] = &[
    Word { word: "now", variant: Some(("Term", "Now")), state: Available },
    Word { word: "graceful", variant: Some(("Term", "Graceful")), state: Available },
];
const SPAWN: &[Word] = &[
    Word { word: "fork", variant: None, state: Available },
    Word { word: "exec", variant: None, state: Planned },
];

/// The options of `#[server]`.
pub(crate) static SERVER: &[Opt] = &[
    option("name", Text),
    option("bind", Addresses),
    option("workers", Workers),
    option("threads", Count(1, "u32")),
    option("user", Text),
    option("group", Text),
    option("stdin", Text),
    option("stdout", Text),
    option("stderr", Text),
    option("max_connections", Count(1, "u64")),
    of(&["tcp", "unix"], "receive_buffer", Size),
    of(&["http", "websocket"], "keep_alive", Duration),
    of(&["http", "websocket"], "header_timeout", Duration),
    option("backlog", Count(1, "u32")),
    option("accept", Choice(ACCEPT)),
    option("drain_timeout", Duration),
    option("start_timeout", Duration),
    planned_of(&["tcp", "unix"], "frame", Text),
    planned_of(&["tcp", "unix"], "max_frame", Size),
    planned_of(&["tcp", "unix"], "oversize", Text),
    planned("tls", Nested(&["cert", "key"])),
    planned_of(&["http", "websocket"], "http", Nested(&[])),
    planned("lame_duck", Duration),
    planned("heartbeat_timeout", Duration),
    planned("max_requests", Count(1, "u64")),
    planned("max_lifetime", Duration),
    planned("max_memory", Size),
    planned("max_restarts", Count(0, "u32")),
    planned("restart_window", Duration),
    planned("max_surge", Count(0, "u32")),
    planned("max_unavailable", Count(0, "u32")),
    planned("cpu_affinity", Text),
    planned("nice", Integer),
    planned("rlimits", Nested(&[])),
    planned_of(&["unix"], "mode", Octal),
    planned_of(&["unix"], "owner", Text),
    planned_of(&["unix"], "group_owner", Text),
];

/// The options of `#[master]`.
pub(crate) static MASTER: &[Opt] = &[
    option("pid_file", Text),
    option("daemonize", Flag),
    option("stdin", Text),
    option("stdout", Text),
    option("stderr", Text),
    option("name", Text),
    option("working_directory", Text),
    option("umask", Octal),
    option("term", Choice(TERM)),
    option("spawn", Choice(SPAWN)),
    option("servers", Types),
    option("include", Crates),
    planned("control", Text),
];

impl Opt {
    /// Whether servers of this kind have the option.
    pub(crate) fn belongs_to(&self, kind: &Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind.name)
    }
}

/// The option of that name.
pub(crate) fn find(options: &'static [Opt], name: &str) -> Option<&'static Opt> {
    options.iter().find(|option| option.name == name)
}

/// The names of a table.
pub(crate) fn names(options: &'static [Opt]) -> impl Iterator<Item = &'static str> {
    options.iter().map(|option| option.name)
}
