//! The one table of options: name, type, where it belongs, and whether it has an effect yet.

use crate::events::Kind;
use State::{Available, Planned};
use Type::{
    Addresses, Cap, Capabilities, Choice, Cores, Count, CountLimit, Crates, Duration,
    DurationOrOff, Flag, Integer, Limits, Nested, Octal, Share, Size, SizeLimit, Text, Types,
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
    /// A number, `auto`, or a range.
    Workers,
    /// A number, or a percentage in a string.
    Share,
    /// `auto`, `"0-3,8"`, or an array of numbers.
    Cores,
    /// One name or an array of them.
    Capabilities,
    /// A number of things, at least this many; the name of its Rust type.
    Count(u64, &'static str),
    /// A number that is one or more where it is given at all.
    Cap,
    /// A whole number from and to these.
    Integer(i32, i32),
    /// `"30s"`.
    Duration,
    /// `"30s"` or `"off"`.
    DurationOrOff,
    /// A number or `"unlimited"`.
    CountLimit,
    /// A size or `"unlimited"`.
    SizeLimit,
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
    /// `name(key = value, …)`: limits of resources.
    Limits(&'static [Opt]),
    /// `name(A, b::B)`: types.
    Types,
    /// `name(a, b)`: crates.
    Crates,
}

/// A word of a choice.
pub(crate) struct Word {
    pub(crate) word: &'static str,
    /// The enum of the runtime and its variant.
    pub(crate) variant: (&'static str, &'static str),
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
    Word { word: "slots", variant: ("Accept", "Slots") },
    Word { word: "shared", variant: ("Accept", "Shared") },
];
const TERM: &[Word] = &[
    Word { word: "now", variant: ("Term", "Now") },
    Word { word: "graceful", variant: ("Term", "Graceful") },
];
const SPAWN: &[Word] = &[
    Word { word: "fork", variant: ("Spawn", "Fork") },
    Word { word: "exec", variant: ("Spawn", "Exec") },
];
/// Each is an option of the runtime with `rlimit_` in front.
const RLIMITS: &[Opt] = &[
    option("nofile", CountLimit),
    option("nproc", CountLimit),
    option("core", SizeLimit),
    option("memlock", SizeLimit),
    option("stack", SizeLimit),
    option("fsize", SizeLimit),
    option("as", SizeLimit),
    option("cpu", CountLimit),
    option("data", SizeLimit),
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
    option("max_connections", Cap),
    of(&["tcp", "unix"], "receive_buffer", Size),
    of(&["http", "websocket"], "keep_alive", Duration),
    of(&["http", "websocket"], "header_timeout", Duration),
    option("backlog", Count(1, "u32")),
    option("accept", Choice(ACCEPT)),
    option("v6only", Flag),
    option("mode", Octal),
    option("owner", Text),
    option("group_owner", Text),
    option("lame_duck", Duration),
    option("drain_timeout", Duration),
    option("start_timeout", Duration),
    option("heartbeat_timeout", DurationOrOff),
    option("max_requests", Cap),
    option("max_lifetime", Duration),
    option("max_memory", Size),
    option("max_restarts", Count(0, "u32")),
    option("restart_window", Duration),
    option("max_surge", Share),
    option("max_unavailable", Share),
    option("cpu_affinity", Cores),
    option("nice", Integer(-20, 19)),
    option("oom_score_adj", Integer(-1000, 1000)),
    option("rlimits", Limits(RLIMITS)),
    option("no_new_privs", Flag),
    option("capabilities", Capabilities),
    option("chroot", Text),
    planned_of(&["tcp", "unix"], "frame", Text),
    planned_of(&["tcp", "unix"], "max_frame", Size),
    planned_of(&["tcp", "unix"], "oversize", Text),
    planned("tls", Nested(&["cert", "key"])),
    planned_of(&["http", "websocket"], "http", Nested(&[])),
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
    option("control", Text),
    option("servers", Types),
    option("include", Crates),
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
pub(crate) fn names(options: &'static [Opt]) -> impl Iterator<Item = &'static str> + Clone {
    options.iter().map(|option| option.name)
}
