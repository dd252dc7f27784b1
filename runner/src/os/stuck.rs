//! What the kernel knows about a process that does not answer.

use super::cpu_time::cpu_time;
use std::fmt;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// How many threads are described; the others are counted.
const THREADS_MAX: usize = 4;

/// How much CPU time a process had used at a moment. One that is taken with each sign of life shows
/// later, without any waiting, whether the process has done anything since.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuMark {
    used: Duration,
    at: Instant,
}

impl CpuMark {
    /// How much it has computed since, in percent of one core.
    pub(crate) fn percent_since(self, before: Self) -> u32 {
        let passed = self.at.saturating_duration_since(before.at).as_micros().max(1);
        let used = self.used.saturating_sub(before.used).as_micros();
        u32::try_from(used * 100 / passed).unwrap_or(u32::MAX)
    }

    /// None when the process is gone.
    pub(crate) fn now(pid: i32) -> Option<Self> {
        Some(Self { used: cpu_time(pid).ok()?, at: Instant::now() })
    }
}

/// A look at a process and its threads, for one line of a log. It never fails: what cannot be read
/// is left out. Reading the system calls of a process of another user takes root.
#[derive(Debug)]
pub(crate) struct Stuck {
    pid: i32,
    busy: Option<Busy>,
    /// Those that do not sleep first, as they are the ones to blame.
    threads: Vec<Thread>,
}

/// CPU time that was used within a time.
#[derive(Clone, Copy, Debug)]
struct Busy {
    used: Duration,
    within: Duration,
}

/// A thread as `/proc` shows it.
#[derive(Debug)]
struct Thread {
    name: String,
    /// proc_pid_stat(5), field 3.
    state: char,
    /// The function of the kernel that it waits in.
    wchan: Option<String>,
    /// The number of the system call that it is in.
    syscall: Option<i64>,
}

impl Stuck {
    /// Looks at `pid`; `before` is a mark from when it last showed a sign of life.
    pub(crate) fn look(pid: i32, before: Option<CpuMark>) -> Self {
        let busy = before.zip(CpuMark::now(pid)).map(|(before, now)| Busy {
            used: now.used.saturating_sub(before.used),
            within: now.at.saturating_duration_since(before.at),
        });
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let mut threads: Vec<_> = tasks.filter_map(|task| Thread::read(&task.path())).collect();
        threads.sort_by_key(Thread::is_asleep);
        Self { pid, busy, threads }
    }
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {}", self.pid)?;
        if let Some(Busy { used, within }) = self.busy {
            match used.as_millis() {
                0 => write!(f, ", no CPU time in {within:.1?}")?,
                _ => write!(f, ", {used:.1?} of CPU time in {within:.1?}")?,
            }
        }
        for thread in self.threads.iter().take(THREADS_MAX) {
            write!(f, "; {thread}")?;
        }
        match self.threads.len().saturating_sub(THREADS_MAX) {
            0 => Ok(()),
            rest => write!(f, "; {rest} more threads"),
        }
    }
}

impl Thread {
    fn read(task: &Path) -> Option<Self> {
        let read = |name: &str| fs::read_to_string(task.join(name)).ok();
        let (name, state) = parse_stat(&read("stat")?)?;
        Some(Self {
            name,
            state,
            wchan: read("wchan").filter(|wchan| !wchan.is_empty() && wchan != "0"),
            syscall: read("syscall").as_deref().and_then(parse_syscall),
        })
    }

    fn is_asleep(&self) -> bool {
        self.state == 'S'
    }
}

impl fmt::Display for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, state, wchan, syscall } = self;
        write!(f, "thread {name}: {state} ({})", explain_state(*state))?;
        match syscall.map(|number| (number, syscall_name(number))) {
            None => {}
            Some((_, Some(name))) => write!(f, " in {name}")?,
            Some((number, None)) => write!(f, " in system call {number}")?,
        }
        match wchan {
            Some(wchan) => write!(f, " at {wchan}"),
            None => Ok(()),
        }
    }
}

/// The name, which may hold anything, and the state.
fn parse_stat(stat: &str) -> Option<(String, char)> {
    let (start, rest) = stat.rsplit_once(')')?;
    let (_, name) = start.split_once('(')?;
    let state = rest.trim_start().chars().next()?;
    Some((name.replace(char::is_control, "?"), state))
}

/// The number at the start; a thread that runs or is not in a system call has none
/// (proc_pid_syscall(5)).
fn parse_syscall(text: &str) -> Option<i64> {
    let number = text.split_whitespace().next()?.parse().ok()?;
    (number >= 0).then_some(number)
}

/// The states of proc_pid_stat(5).
fn explain_state(state: char) -> &'static str {
    match state {
        'R' => "running",
        'S' => "sleeping",
        'D' => "in an uninterruptible wait, mostly for a disk or a network file system",
        'T' => "stopped by a signal",
        't' => "stopped by a debugger",
        'I' => "idle",
        'Z' | 'X' => "dead",
        _ => "in a state of its own",
    }
}

/// The names of those system calls that can take long.
fn syscall_name(number: i64) -> Option<&'static str> {
    macro_rules! names {
        ($($(#[$cfg:meta])? $constant:ident $name:literal)+) => {
            [$($(#[$cfg])? (libc::$constant, $name)),+]
        };
    }
    let names = names! {
        SYS_accept4 "accept4"
        SYS_clock_nanosleep "clock_nanosleep"
        SYS_close "close"
        SYS_connect "connect"
        SYS_epoll_pwait "epoll_pwait"
        #[cfg(target_arch = "x86_64")] SYS_epoll_wait "epoll_wait"
        SYS_fallocate "fallocate"
        SYS_fcntl "fcntl"
        SYS_fdatasync "fdatasync"
        SYS_flock "flock"
        SYS_fsync "fsync"
        SYS_ftruncate "ftruncate"
        SYS_futex "futex"
        SYS_getdents64 "getdents64"
        SYS_io_uring_enter "io_uring_enter"
        SYS_ioctl "ioctl"
        SYS_madvise "madvise"
        SYS_mmap "mmap"
        SYS_msync "msync"
        SYS_munmap "munmap"
        SYS_nanosleep "nanosleep"
        #[cfg(target_arch = "x86_64")] SYS_open "open"
        SYS_openat "openat"
        #[cfg(target_arch = "x86_64")] SYS_pause "pause"
        #[cfg(target_arch = "x86_64")] SYS_poll "poll"
        SYS_ppoll "ppoll"
        SYS_pread64 "pread64"
        SYS_preadv "preadv"
        SYS_pselect6 "pselect6"
        SYS_pwrite64 "pwrite64"
        SYS_pwritev "pwritev"
        SYS_read "read"
        SYS_readv "readv"
        SYS_recvfrom "recvfrom"
        SYS_recvmsg "recvmsg"
        SYS_renameat2 "renameat2"
        SYS_rt_sigsuspend "rt_sigsuspend"
        SYS_rt_sigtimedwait "rt_sigtimedwait"
        #[cfg(target_arch = "x86_64")] SYS_select "select"
        SYS_sendfile "sendfile"
        SYS_sendmsg "sendmsg"
        SYS_sendto "sendto"
        SYS_splice "splice"
        SYS_statx "statx"
        SYS_unlinkat "unlinkat"
        SYS_wait4 "wait4"
        SYS_waitid "waitid"
        SYS_write "write"
        SYS_writev "writev"
    };
    names.into_iter().find(|(constant, _)| *constant == number).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::process::{Process, Signal};
    use std::process::{Child, Command, Stdio};

    /// A process that is ended whatever the test does.
    struct Running(Child);

    impl Running {
        fn start(script: &str) -> Self {
            let mut command = Command::new("sh");
            Self(command.args(["-c", script]).stdout(Stdio::null()).spawn().unwrap())
        }

        fn pid(&self) -> i32 {
            self.0.id().cast_signed()
        }

        /// Waits until a look at it shows all of these.
        fn expect(&self, before: Option<CpuMark>, parts: &[&str]) -> String {
            let began = Instant::now();
            loop {
                let shown = Stuck::look(self.pid(), before).to_string();
                if parts.iter().all(|part| shown.contains(part)) {
                    return shown;
                }
                assert!(began.elapsed() < Duration::from_secs(30), "no {parts:?} in {shown}");
                std::thread::yield_now();
            }
        }
    }

    impl Drop for Running {
        fn drop(&mut self) {
            let _ = Process::open(self.pid()).map(|process| process.signal(Signal::KILL));
            let _ = self.0.wait();
        }
    }

    #[test]
    fn shows_what_a_process_waits_for() {
        let sleeper = Running::start("exec sleep 600");
        let before = CpuMark::now(sleeper.pid());
        // A kernel need not show system calls.
        let syscalls = Path::new("/proc/self/syscall").exists();
        let asleep =
            ["thread sleep: S (sleeping)", "thread sleep: S (sleeping) in clock_nanosleep"];
        let shown = sleeper.expect(before, &[asleep[usize::from(syscalls)], " CPU time in "]);
        assert!(!shown.contains("more threads"), "{shown}");
        let process = Process::open(sleeper.pid()).unwrap();
        process.signal(Signal::STOP).unwrap();
        sleeper.expect(None, &["T (stopped by a signal)"]);
        process.signal(Signal::CONT).unwrap();
        sleeper.expect(None, &["S (sleeping)"]);
    }

    /// A busy loop and a wait are told apart by the CPU time alone.
    #[test]
    fn shows_that_a_process_is_busy() {
        let busy = Running::start("while :; do :; done");
        let before = CpuMark::now(busy.pid()).unwrap();
        let parts = ["thread sh: R (running)", "ms of CPU time in "];
        busy.expect(Some(before), &parts);
    }

    #[test]
    fn shows_that_nothing_was_done() {
        let within = Duration::from_secs(30);
        for (used, shown) in [
            (Duration::from_micros(999), "pid 7, no CPU time in 30.0s"),
            (Duration::from_millis(1500), "pid 7, 1.5s of CPU time in 30.0s"),
        ] {
            let busy = Some(Busy { used, within });
            assert_eq!(Stuck { pid: 7, busy, threads: Vec::new() }.to_string(), shown);
        }
    }

    #[test]
    fn a_process_that_is_gone_is_no_error() {
        assert_eq!(Stuck::look(i32::MAX, None).to_string(), format!("pid {}", i32::MAX));
        assert!(CpuMark::now(i32::MAX).is_none());
    }

    #[test]
    fn threads_are_described() {
        let thread = |state, wchan: Option<&str>, syscall| Thread {
            name: "worker".to_owned(),
            state,
            wchan: wchan.map(str::to_owned),
            syscall,
        };
        for (thread, shown) in [
            (thread('R', None, None), "thread worker: R (running)"),
            (
                thread('S', Some("futex_wait_queue"), Some(libc::SYS_futex)),
                "thread worker: S (sleeping) in futex at futex_wait_queue",
            ),
            (
                thread('t', None, Some(9999)),
                "thread worker: t (stopped by a debugger) in system call 9999",
            ),
        ] {
            assert_eq!(thread.to_string(), shown);
        }
    }

    #[test]
    fn files_of_proc_are_parsed() {
        for (stat, parsed) in [
            ("12 (sh) R 1 12", Some(("sh", 'R'))),
            ("12 (a) b (c) D 1 12", Some(("a) b (c", 'D'))),
            ("12 (a\nb) S 1", Some(("a?b", 'S'))),
            ("12 (sh)", None),
            ("", None),
        ] {
            let parsed = parsed.map(|(name, state)| (name.to_owned(), state));
            assert_eq!(parse_stat(stat), parsed, "{stat}");
        }
        for (text, number) in [
            ("202 0x7f 0x80 0x2 0x0 0x0 0x0 0x7ffd 0x7f12\n", Some(202)),
            ("running\n", None),
            ("-1 0x7ffd 0x7f12\n", None),
            ("", None),
        ] {
            assert_eq!(parse_syscall(text), number, "{text}");
        }
    }

    /// The threads that do something are shown, not those that happen to come first.
    #[test]
    fn threads_that_do_not_sleep_come_first() {
        let thread = |name: usize, state| Thread {
            name: name.to_string(),
            state,
            wchan: None,
            syscall: None,
        };
        let mut threads: Vec<_> = (0..6).map(|name| thread(name, 'S')).collect();
        threads.push(thread(6, 'D'));
        threads.sort_by_key(Thread::is_asleep);
        let shown = Stuck { pid: 7, busy: None, threads }.to_string();
        assert!(shown.starts_with("pid 7; thread 6: D (in an uninterruptible wait"), "{shown}");
        assert!(shown.ends_with("; thread 2: S (sleeping); 3 more threads"), "{shown}");
    }
}
