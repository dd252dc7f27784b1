//! The table of options. Adding an option is adding a row; everything that knows options is generated from the rows.

use super::Sourced;
use super::section::Section;
use super::show::{AsOption, Line};
use super::value::*;
use crate::spec::{Accept, Kind, Spawn, Term};

/// What the layers and the messages need to know of an option.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(super) absent: Absent,
    /// The kinds of server it applies to; none stands for all.
    kinds: &'static [Kind],
}

/// What holds when no layer has a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Absent {
    /// This value.
    Default(&'static str),
    /// The name of the program.
    Program(&'static str),
    /// The absence has a meaning of its own.
    Unset(&'static str),
    /// An error, which says how to give one.
    Required(&'static str),
}

impl Row {
    pub(super) fn applies_to(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    /// The kinds it applies to, for a message.
    pub(super) fn kinds(&self) -> String {
        let kinds: Vec<String> = self.kinds.iter().map(ToString::to_string).collect();
        kinds.join(" and ")
    }
}

/// Hands the rows of the server options to the macro `$then`, behind its own arguments.
///
/// A row: doc, name(argument of the setter): type of the value, what holds without one, kinds.
macro_rules! server_options {
    ($then:ident $($names:ident)*) => { $then! { $($names)*:
        /// The addresses to listen on: `IP:PORT` or `[IPv6]:PORT`; port 0 lets the system choose one.
        bind(impl Into<Addresses>): AddressList,
            Required "no address is given; write `bind = \"127.0.0.1:8080\"`", [];
        /// Worker processes: 1 to 1024, or `auto` for one per core.
        workers(impl Into<Workers>): WorkerCount, Default "1", [];
        /// Threads of the async runtime in each worker: 1 to 64.
        threads(u32): Count<u32, 1, 64>, Default "1", [];
        /// The user that workers run as; it takes a master that runs as root.
        user(impl Into<String>): Text, Unset "the user of the master", [];
        /// The group that workers run as; it takes a master that runs as root.
        group(impl Into<String>): Text, Unset "the primary group of `user`", [];
        /// The file that workers read as standard input.
        stdin(impl Into<PathBuf>): FilePath, Unset "as the master", [];
        /// The file that standard output of the workers is appended to.
        stdout(impl Into<PathBuf>): FilePath, Unset "as the master", [];
        /// The file that standard error of the workers is appended to.
        stderr(impl Into<PathBuf>): FilePath, Unset "as the master", [];
        /// Connections that one worker has open at most.
        max_connections(u64): Count<u64, 1, { u32::MAX }>, Unset "unlimited", [];
        /// Bytes that a connection buffers of what it has received: 1 KiB to 64 MiB.
        receive_buffer(u64): Size<{ 1 << 10 }, { 64 << 20 }>, Default "64KiB", [Tcp];
        /// How long a connection may be idle between two requests: 1 ms to 24 h.
        keep_alive(Duration): Time, Default "60s", [Http];
        /// How long the head of a request may take to arrive: 1 ms to 24 h.
        header_timeout(Duration): Time, Default "10s", [Http];
        /// Connections that wait in the kernel, for each worker, until they are accepted.
        backlog(u32): Count<u32, 1, { i32::MAX.unsigned_abs() }>, Default "1024", [];
        /// How the workers share an address.
        accept(Accept): Choice<Accept>, Default "slots", [];
        /// How long a worker may take to finish what is in flight, before it is stopped: 1 ms to 24 h.
        drain_timeout(Duration): Time, Default "30s", [];
        /// How long a worker may take to become READY: 1 ms to 24 h.
        start_timeout(Duration): Time, Default "30s", [];
    } };
}
pub(crate) use server_options;

/// Hands the rows of the master options to the macro `$then`, as [`server_options`] does.
macro_rules! master_options {
    ($then:ident $($names:ident)*) => { $then! { $($names)*:
        /// The name of the master in `ps` and in messages.
        name(impl Into<String>): Text, Program "the name of the program", [];
        /// The file that holds the pid of the master while it runs.
        pid_file(impl Into<PathBuf>): FilePath, Unset "no file", [];
        /// Whether `run` detaches from the terminal, as `start` always does.
        daemonize(bool): Switch, Default "false", [];
        /// The directory that the master and the workers work in.
        working_directory(impl Into<PathBuf>): FilePath,
            Unset "where the program was started; `/` when daemonized", [];
        /// The permission bits that new files do not get, in octal.
        umask(u32): Octal, Unset "unchanged; 027 when daemonized", [];
        /// The file that the master reads as standard input.
        stdin(impl Into<PathBuf>): FilePath, Unset "unchanged; `/dev/null` when daemonized", [];
        /// The file that standard output is appended to.
        stdout(impl Into<PathBuf>): FilePath, Unset "unchanged; `/dev/null` when daemonized", [];
        /// The file that standard error is appended to.
        stderr(impl Into<PathBuf>): FilePath, Unset "unchanged; `/dev/null` when daemonized", [];
        /// What TERM means: stop `now`, or drain first (`graceful`) as QUIT does. INT always stops now.
        term(Term): Choice<Term>, Default "now", [];
        /// How workers are made.
        spawn(Spawn): Choice<Spawn>, Default "fork", [];
    } };
}
pub(crate) use master_options;

/// Server options that are reserved for later.
pub(super) const PLANNED_SERVER: &[&str] = &[
    "frame",
    "max_frame",
    "oversize",
    "tls",
    "http",
    "lame_duck",
    "heartbeat_timeout",
    "max_requests",
    "max_lifetime",
    "max_memory",
    "max_restarts",
    "restart_window",
    "max_surge",
    "max_unavailable",
    "cpu_affinity",
    "nice",
    "rlimits",
    "mode",
    "owner",
    "group_owner",
];

/// Master options that are reserved for later.
pub(super) const PLANNED_MASTER: &[&str] = &["control"];

/// What a documentation line says of an option without a value.
macro_rules! absent_doc {
    (Default $text:literal) => {
        concat!("\n\nDefault: `", $text, "`.")
    };
    (Required $text:literal) => {
        "\n\nRequired."
    };
    ($absent:ident $text:literal) => {
        concat!("\n\nDefault: ", $text, ".")
    };
}
pub(crate) use absent_doc;

/// The type of a settled field.
macro_rules! field {
    (Unset $value:ty) => { Option<Sourced<<$value as OptionValue>::Value>> };
    ($absent:ident $value:ty) => { Sourced<<$value as OptionValue>::Value> };
}

macro_rules! settle {
    (Unset $value:expr) => {
        $value
    };
    ($absent:ident $value:expr) => {
        $value?
    };
}

macro_rules! options {
    ($Options:ident $Settings:ident:
        $($(#[doc = $doc:literal])+
        $name:ident($argument:ty): $value:ty, $absent:ident $text:literal, [$($kind:ident),*];)+
    ) => {
        /// The values that the attribute or the builder gives.
        #[derive(Clone, Debug, Default)]
        pub(crate) struct $Options {
            $($(#[doc = $doc])+ pub(crate) $name: Option<<$value as OptionValue>::Declared>,)+
        }

        /// The values that hold, each with its origin.
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) struct $Settings {
            $($(#[doc = $doc])+ #[doc = absent_doc!($absent $text)]
            pub(crate) $name: field!($absent $value),)+
        }

        impl $Settings {
            pub(crate) const ROWS: &'static [Row] = &[$(Row {
                name: stringify!($name),
                absent: Absent::$absent($text),
                kinds: &[$(Kind::$kind),*],
            }),+];

            /// The values after all layers; nothing when there are errors, which the section collects.
            pub(super) fn settle(options: &$Options, section: &mut Section<'_>) -> Option<Self> {
                let mut rows = Self::ROWS.iter();
                $(let $name = section.settle::<$value>(rows.next()?, options.$name.as_ref());)+
                section.refuse_rest(Self::ROWS);
                Some(Self { $($name: settle!($absent $name)),+ })
            }

            /// Every option with its value, in the order of the table.
            pub(super) fn lines(&self) -> Vec<Line<'_>> {
                let values = [$(self.$name.as_option()
                    .map(|sourced| (<$value>::render(&sourced.value), &sourced.origin))),+];
                Self::ROWS.iter().zip(values).map(|(row, value)| Line { row, value }).collect()
            }
        }
    };
}

server_options!(options ServerOptions ServerSettings);
master_options!(options MasterOptions MasterConfig);

impl Absent {
    /// The value as text, when there is one.
    pub(super) fn default<'a>(&self, context: &'a Context) -> Option<&'a str> {
        match self {
            Self::Default(text) => Some(text),
            Self::Program(_) => Some(&context.program),
            Self::Unset(_) | Self::Required(_) => None,
        }
    }
}
