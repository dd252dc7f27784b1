//! What a process tells on standard error when it is aborted: by whom, and what it was doing.
//!
//! ABRT comes in the middle of anything. So what is certain is told first, by calls that are allowed
//! there (signal-safety(7)): by whom, and where each thread is. Only then the names of functions are
//! tried, which takes memory and locks that the interrupted code may hold. Should that never return,
//! a fuse ends the process.

use super::backtrace::{self, Detail};
use super::deadline::Fuse;
use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use nix::unistd::pause;
use rustix::fs::{Mode, OFlags, RawDir, open};
use std::ffi::{c_int, c_void};
use std::fmt::Write;
use std::io;
use std::mem::MaybeUninit;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// How long the telling may take. The names of a large program with debug information take some
/// tenths of a second, and seconds on a machine that is overloaded, which is when workers hang.
const TELLING_MAX: Duration = Duration::from_secs(5);

/// How long after its begin another thread is still asked, and how long one may take to answer.
const ASKING_MAX: Duration = Duration::from_secs(4);
const ANSWER_MAX: Duration = Duration::from_millis(300);

/// How often to look whether a thread has answered.
const LOOK_AGAIN: Duration = Duration::from_micros(200);

/// What is known of this process; set once, before its handler.
static PROCESS: OnceLock<Process> = OnceLock::new();

struct Process {
    name: String,
    master: i32,
    fuse: Fuse,
}

/// The thread that tells: the first one that was interrupted.
static TELLER: AtomicI32 = AtomicI32::new(0);

/// The thread that the teller asks where it is, and whether it is to use names.
static ASKED: AtomicI32 = AtomicI32::new(0);
static BY_NAME: AtomicBool = AtomicBool::new(false);

/// From now on ABRT makes this process, called `name`, tell what each of its threads is doing before
/// it ends by that signal. The main thread is left out: it only waits for the others.
pub(crate) fn explain_aborts(name: String, master: i32) -> io::Result<()> {
    let _ = PROCESS.set(Process { name, master, fuse: Fuse::new(TELLING_MAX)? });
    let handler = SigHandler::SigAction(on_abort);
    let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: what the handler does before it has told what is certain is async-signal-safe; what
    // it does after that may at worst never return, and then the fuse ends the process.
    unsafe { sigaction(Signal::SIGABRT, &action) }?;
    Ok(())
}

extern "C" fn on_abort(_: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    let errno = Errno::last();
    let this = this_thread();
    if ASKED.load(SeqCst) == this {
        backtrace::tell(detail());
        answered(this);
        errno.set();
        return;
    }
    match TELLER.compare_exchange(0, this, SeqCst, SeqCst) {
        Ok(_) => {
            // SAFETY: the kernel passes a valid value (sigaction(2)), which for ABRT has a sender.
            let sender = unsafe { (*info).si_pid() };
            if let Some(process) = PROCESS.get() {
                process.tell(sender);
            }
        }
        // The telling itself has failed.
        Err(teller) if teller == this => {}
        // Another thread tells already, and ends this one too.
        Err(_) => loop {
            pause();
        },
    }
    end();
}

impl Process {
    fn tell(&self, sender: i32) {
        self.fuse.light();
        let began = Instant::now();
        let pid = std::process::id().cast_signed();
        let mut stderr = backtrace::Stderr::default();
        let _ = write!(stderr, "{} (pid {pid}) aborted", self.name);
        let _ = match sender {
            master if master == self.master => writeln!(stderr, " by its master"),
            own if own == pid => writeln!(stderr, " itself"),
            other => writeln!(stderr, " by process {other}"),
        };
        for by_name in [false, true] {
            BY_NAME.store(by_name, SeqCst);
            backtrace::tell(detail());
            ask_others(pid, began + ASKING_MAX);
        }
    }
}

fn detail() -> Detail {
    if BY_NAME.load(SeqCst) { Detail::Names } else { Detail::Offsets }
}

/// Has every other thread but the main one tell where it is, one after another until `deadline`.
fn ask_others(pid: i32, deadline: Instant) {
    let this = this_thread();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(tasks) = open(c"/proc/self/task", flags, Mode::empty()) else {
        return;
    };
    let mut buffer = [MaybeUninit::uninit(); 1024];
    let mut tasks = RawDir::new(tasks, &mut buffer);
    while let Some(Ok(task)) = tasks.next()
        && Instant::now() < deadline
    {
        let name = task.file_name().to_str().ok();
        match name.and_then(|name| name.parse().ok()) {
            Some(thread) if thread != this && thread != pid => ask(pid, thread),
            _ => {}
        }
    }
}

fn ask(pid: i32, thread: i32) {
    let began = Instant::now();
    ASKED.store(thread, SeqCst);
    // SAFETY: the call takes integers only; the thread is one of this process or none.
    unsafe { libc::syscall(libc::SYS_tgkill, pid, thread, libc::SIGABRT) };
    while ASKED.load(SeqCst) == thread && began.elapsed() < ANSWER_MAX {
        std::thread::sleep(LOOK_AGAIN);
    }
    answered(thread);
}

/// The thread is done, or is not waited for any longer.
fn answered(thread: i32) {
    let _ = ASKED.compare_exchange(thread, 0, SeqCst, SeqCst);
}

/// Ends the process as ABRT does by default, and so with a core dump where those are on. The signal
/// is blocked in its handler and arrives when that returns, so the dump shows what was interrupted.
fn end() {
    let action = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: the default disposition runs no code of this process.
    let _ = unsafe { sigaction(Signal::SIGABRT, &action) };
    let _ = raise(Signal::SIGABRT);
}

fn this_thread() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}
