//! The table of options. Adding an option is adding a row; everything that knows options is generated from the rows.

use super::section::Section;
use super::show::{AsOption, Line};
use super::value::*;
use super::{Origin, Sourced};
use crate::spec::{Accept, CpuAffinity, Kind, Share, Spawn, Term};

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
    /// The table that the option stands in, below its section.
    pub(super) fn table(&self) -> Option<&'static str> {
        self.name.split_once('.').map(|(table, _)| table)
    }

    /// Its name in the table, or in its section.
    pub(super) fn last_name(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, name)| name)
    }

    pub(super) fn applies_to(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    /// The kinds it applies to, for a message.
    pub(super) fn kinds(&self) -> String {
        let kinds: Vec<String> = self.kinds.iter().map(ToString::to_string).collect();
        kinds.join(" and ")
    }
}

/// One or more of something.
type Natural = Number<u64, 1, { i64::MAX }>;

/// A size, zero too.
type Bytes = Size<0, { i64::MAX as u64 }>;

/// Hands the rows of the server options to the macro `$then`, behind its own arguments.
///
/// A row: doc, name(argument of the setter): type of the value, what holds without one, kinds. An option of a table
/// has the path that it is written with behind its name.
macro_rules! server_options {
    ($then:ident $($names:ident)*) => { $then! { $($names)*:
        /// What to listen on, one or several: `IP:PORT` or `[IPv6]:PORT`, where port 0 lets the system choose one;
        /// `unix:PATH` or `@NAME`; `fd:NUMBER` or `systemd:NAME` for sockets that were inherited.
        bind(impl Into<Addresses>): AddressList,
            Required "no address is given; write `bind = \"127.0.0.1:8080\"`", [];
        /// Worker processes: 1 to 1024, `auto` for one per core, or a range for the load to choose from.
        workers(impl Into<Workers>): WorkerCount, Default "1", [];
        /// Threads of the async runtime in each worker: 1 to 64.
        threads(u32): Number<u32, 1, 64>, Default "1", [];
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
        /// Connections that one worker has open at most. More wait for another worker, and are told when all are full.
        max_connections(u64): Cap<Number<u64, 1, { u32::MAX as i64 }>>, Unset "unlimited", [];
        /// Bytes that a connection buffers of what it has received: 1 KiB to 64 MiB.
        receive_buffer(u64): Size<{ 1 << 10 }, { 64 << 20 }>, Default "64KiB", [Tcp];
        /// How long a connection may be idle between two requests: 1 ms to 24 h.
        keep_alive(Duration): Time, Default "60s", [Http];
        /// How long the head of a request may take to arrive: 1 ms to 24 h.
        header_timeout(Duration): Time, Default "10s", [Http];
        /// Connections that wait in the kernel, for each worker, until they are accepted.
        backlog(u32): Number<u32, 1, { i32::MAX as i64 }>, Default "1024", [];
        /// How the workers share an address: a socket for each (`slots`), or one for all (`shared`), as unix sockets
        /// and inherited ones always have it.
        accept(Accept): Choice<Accept>, Default "slots", [];
        /// Whether an IPv6 address is for IPv6 only. If not, `[::]` stands for IPv4 too.
        v6only(bool): Switch, Default "true", [];
        /// The permission bits of the files of unix sockets, in octal; who may write may connect.
        mode(u32): Octal, Unset "`600`: the owner alone may connect", [];
        /// The user, a name or a number, that the files of unix sockets belong to; another one takes a master that
        /// runs as root.
        owner(impl Into<String>): Text, Unset "the user of the master", [];
        /// The group, a name or a number, that the files of unix sockets belong to; one that the master is not in
        /// takes a master that runs as root.
        group_owner(impl Into<String>): Text, Unset "the group of the master", [];
        /// How long a worker that is to stop still takes new connections, while it already says that it is not
        /// ready: 0 s to 24 h.
        lame_duck(Duration): Time<0>, Default "0s", [];
        /// How long a worker may take to finish what is in flight, before it is stopped: 1 ms to 24 h.
        drain_timeout(Duration): Time, Default "30s", [];
        /// How long a worker may take to become READY: 1 ms to 24 h.
        start_timeout(Duration): Time, Default "30s", [];
        /// How long the runtime of a worker may stand still before the worker is replaced: 1 s to 24 h, or `off`
        /// (`None`).
        heartbeat_timeout(impl Into<Option<Duration>>): Switchable<Time<1000>>, Default "30s", [];
        /// Requests, or connections of a tcp server, after which a worker is replaced.
        max_requests(u64): Cap<Natural>, Unset "unlimited", [];
        /// How long a worker lives before it is replaced: 1 s to 8760 h.
        max_lifetime(Duration): Cap<Time<1000, { 8760 * HOUR }>>, Unset "unlimited", [];
        /// Bytes of memory of its own with which a worker is replaced: 1 MiB to 1 TiB.
        max_memory(u64): Cap<Size<{ 1 << 20 }, { 1 << 40 }>>, Unset "unlimited", [];
        /// Workers that may fail within `restart_window` before the server counts as degraded.
        max_restarts(u32): Number<u32, 0, { u32::MAX as i64 }>, Unset "five for each worker", [];
        /// The time in which failures are counted: 1 s to 24 h.
        restart_window(Duration): Time<1000>, Default "60s", [];
        /// How many workers more than `workers` there may be while some are replaced: a number, or a percentage,
        /// which is rounded up.
        max_surge(impl Into<Share>): Share, Default "25%", [];
        /// How many workers fewer than `workers` there may be while some are replaced: a number, or a percentage,
        /// which is rounded down. This and `max_surge` cannot both be 0.
        max_unavailable(impl Into<Share>): Share, Default "0", [];
        /// The cores that workers are bound to, each slot to one: `auto` for those that the master may use, or a
        /// list of them.
        cpu_affinity(impl Into<CpuAffinity>): CpuAffinity, Unset "no core in particular", [];
        /// How much the workers give way to other processes: -20 to 19, see nice(2). Less than the master has takes
        /// a master that runs as root.
        nice(i32): Number<i32, -20, 19>, Unset "as the master", [];
        /// How gladly the kernel kills the workers when memory runs out: -1000 (never) to 1000, see
        /// proc_pid_oom_score_adj(5). Less than the master has takes a master that runs as root.
        oom_score_adj(i32): Number<i32, -1000, 1000>, Unset "as the master", [];
        /// Descriptors that each worker may have open. In an attribute this is `rlimits(nofile = …)`.
        rlimit_nofile = "rlimits.nofile" (impl Into<Limit>):
            ResourceLimit<Natural>, Unset "the hard limit of the master", [];
        /// Processes and threads that the user of the workers may have. In an attribute this is
        /// `rlimits(nproc = …)`.
        rlimit_nproc = "rlimits.nproc" (impl Into<Limit>): ResourceLimit<Natural>, Unset "as the master", [];
        /// Bytes that the core file of a worker may have; 0 is none. In an attribute this is `rlimits(core = …)`.
        rlimit_core = "rlimits.core" (impl Into<Limit>): ResourceLimit<Bytes>, Unset "as the master", [];
        /// Bytes that each worker may lock into memory. In an attribute this is `rlimits(memlock = …)`.
        rlimit_memlock = "rlimits.memlock" (impl Into<Limit>):
            ResourceLimit<Bytes>, Unset "as the master", [];
        /// Bytes that the main stack of each worker may have. In an attribute this is `rlimits(stack = …)`.
        rlimit_stack = "rlimits.stack" (impl Into<Limit>): ResourceLimit<Bytes>, Unset "as the master", [];
        /// Bytes that a file may have to which a worker writes. In an attribute this is `rlimits(fsize = …)`.
        rlimit_fsize = "rlimits.fsize" (impl Into<Limit>): ResourceLimit<Bytes>, Unset "as the master", [];
        /// Bytes of address space that each worker may have. In an attribute this is `rlimits(as = …)`.
        rlimit_as = "rlimits.as" (impl Into<Limit>): ResourceLimit<Bytes>, Unset "as the master", [];
        /// Seconds of processor time that each worker may use. In an attribute this is `rlimits(cpu = …)`.
        rlimit_cpu = "rlimits.cpu" (impl Into<Limit>): ResourceLimit<Natural>, Unset "as the master", [];
        /// Bytes of data, initialised and not, that each worker may have. In an attribute this is
        /// `rlimits(data = …)`.
        rlimit_data = "rlimits.data" (impl Into<Limit>): ResourceLimit<Bytes>, Unset "as the master", [];
        /// Whether the workers, and what they execute, are barred from gaining privileges, as by setuid programs.
        no_new_privs(bool): Switch, Unset "`true` where `user` or `group` is set", [];
        /// The capabilities of a master that runs as root which its workers keep.
        capabilities(impl Into<Vec<Capability>>): Capabilities, Unset "as the master; none where `user` is set", [];
        /// The directory that is the root of the file system for the workers: an absolute path. It takes a master
        /// that runs as root.
        chroot(impl Into<PathBuf>): AbsolutePath, Unset "as the master", [];
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
        /// How workers are made: by a `fork` of the master, or by an `exec` of the program, with nothing of the
        /// master's memory.
        spawn(Spawn): Choice<Spawn>, Default "fork", [];
        /// The socket that the running program is controlled by: a path of at most 107 bytes.
        control(impl Into<PathBuf>): SocketPath, Unset "`pid_file` and `.sock`; no socket without `pid_file`", [];
    } };
}
pub(crate) use master_options;

/// Server options that are reserved for later.
pub(super) const PLANNED_SERVER: &[&str] = &["frame", "max_frame", "oversize", "tls", "http"];

/// Master options that are reserved for later.
pub(super) const PLANNED_MASTER: &[&str] = &[];

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

/// What the layers call an option.
macro_rules! option_name {
    ($name:ident) => {
        stringify!($name)
    };
    ($name:ident $path:literal) => {
        $path
    };
}

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
        $name:ident $(= $path:literal)? ($argument:ty): $value:ty, $absent:ident $text:literal, [$($kind:ident),*];)+
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
                name: option_name!($name $($path)?),
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

            /// Takes the options over that are called so.
            pub(super) fn take(&mut self, other: Self, is_called: impl Fn(&str) -> bool) {
                $(if is_called(option_name!($name $($path)?)) {
                    self.$name = other.$name;
                })+
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

impl ServerSettings {
    /// Where the value of an option comes from; none when it has none.
    pub(crate) fn origin(&self, option: &str) -> Option<&Origin> {
        let line = self.lines().into_iter().find(|line| line.row.name == option)?;
        line.value.map(|(_, origin)| origin)
    }
}

/// Whether the options of a server have a table of this name.
pub(super) fn is_table(name: &str) -> bool {
    ServerSettings::ROWS.iter().any(|row| row.table() == Some(name))
}

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
