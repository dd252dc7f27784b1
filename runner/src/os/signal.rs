//! Signals: blocked and read by the master, handled by a worker.

use nix::sys::signal::{
    SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, raise, sigaction, sigprocmask,
};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU32, Ordering};

/// What the master reads instead of being interrupted by it. Faults and the terminal's TSTP keep
/// their meaning.
const MASTER: [Signal; 8] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
];

/// The signals of the master, queued by the kernel and read one at a time (signalfd(2)).
///
/// They are blocked whenever the master itself runs, so none can arrive between two of its system
/// calls, and no handler can run in a worker that it forks. Only hooks run with them unblocked.
#[derive(Debug)]
pub(crate) struct Signals {
    queue: SignalFd,
    set: SigSet,
}

impl Signals {
    /// Blocks the signals of the master for good and opens their queue. With `children`, CHLD is
    /// one of them; the first is there at once, for those that have ended before.
    pub(crate) fn block(children: bool) -> io::Result<Self> {
        // A parent may have left CHLD ignored, and then no exit status would be kept (wait(2)).
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        // SAFETY: the default disposition runs no code of this process.
        unsafe { sigaction(Signal::SIGCHLD, &default) }?;
        let mut set = SigSet::from_iter(MASTER);
        if children {
            set.add(Signal::SIGCHLD);
        }
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), None)?;
        let catch = SigAction::new(SigHandler::Handler(catch), SaFlags::SA_RESTART, set);
        for signal in MASTER {
            // SAFETY: the handler makes async-signal-safe calls and an atomic access only.
            unsafe { sigaction(signal, &catch) }?;
        }
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let signals = Self { queue: SignalFd::with_flags(&set, flags)?, set };
        signals.look_for_children();
        Ok(signals)
    }

    /// Runs `body` without blocked signals, because the programs and threads that it starts inherit
    /// those, and such a program could not be stopped. What arrives meanwhile waits for
    /// [`next`](Self::next).
    ///
    /// `body` must not unwind.
    pub(crate) fn unblocked<T>(&self, body: impl FnOnce() -> T) -> T {
        let _ = sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&self.set), None);
        let result = body();
        let _ = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&self.set), None);
        let caught = CAUGHT.swap(0, Ordering::Relaxed);
        for signal in MASTER {
            if caught & (1 << signal as u32) != 0 {
                // Blocked again, so it goes into the queue.
                let _ = raise(signal);
            }
        }
        self.look_for_children();
        result
    }

    /// The next signal, if one is waiting.
    pub(crate) fn next(&self) -> io::Result<Option<Signal>> {
        let Some(info) = self.queue.read_signal()? else {
            return Ok(None);
        };
        Ok(i32::try_from(info.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok()))
    }

    /// Has no handler, which would interrupt a hook for each child that ends, and is not kept by
    /// the kernel while it is not blocked; so it may have been missed.
    fn look_for_children(&self) {
        if self.set.contains(Signal::SIGCHLD) {
            let _ = raise(Signal::SIGCHLD);
        }
    }
}

/// The signals that arrived in [`Signals::unblocked`], a bit each.
static CAUGHT: AtomicU32 = AtomicU32::new(0);

/// Takes a note in the main thread, and sends on to it what arrived in another one, which a hook
/// must have started.
extern "C" fn catch(number: libc::c_int) {
    // SAFETY: the calls take and give integers only and are async-signal-safe (signal-safety(7)).
    unsafe {
        let process = libc::getpid();
        if libc::gettid() == process {
            CAUGHT.fetch_or(1 << number, Ordering::Relaxed);
        } else {
            libc::syscall(libc::SYS_tgkill, process, process, number);
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}

/// Gives every signal its default meaning again, but for those a worker ignores: INT and HUP reach
/// it from the terminal although only its master is meant, USR1 and USR2 have no meaning for it.
/// They stay blocked until [`unblock`].
pub(crate) fn reset_for_worker() -> io::Result<()> {
    for signal in Signal::iterator() {
        let handler = match signal {
            Signal::SIGKILL | Signal::SIGSTOP => continue,
            // The handlers of the standard library, which tell of a stack overflow.
            Signal::SIGSEGV | Signal::SIGBUS => continue,
            Signal::SIGINT
            | Signal::SIGHUP
            | Signal::SIGUSR1
            | Signal::SIGUSR2
            | Signal::SIGPIPE => SigHandler::SigIgn,
            _ => SigHandler::SigDfl,
        };
        let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
        // SAFETY: neither disposition runs code of this process.
        unsafe { sigaction(signal, &action) }?;
    }
    Ok(())
}

/// Lets every signal through.
pub(crate) fn unblock() -> io::Result<()> {
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    Ok(())
}

/// `SIGTERM` for 15.
pub(crate) fn name(number: i32) -> String {
    signal_hook::low_level::signal_name(number)
        .map_or_else(|| format!("signal {number}"), str::to_owned)
}
