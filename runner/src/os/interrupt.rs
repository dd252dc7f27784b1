//! Threads that wait in a system call, and can be told to come back from it.

use super::alternate_stack;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::io;
use std::sync::mpsc;
use std::thread::Builder;

/// What interrupts a thread. Nobody else sends it unasked, and who has no handler for it ignores it
/// (signal(7)).
const WAKING: Signal = Signal::SIGURG;

/// What such threads leave to others: everything but faults of their own, what asks each thread
/// where it is, and what wakes them.
const NOT_BLOCKED: [Signal; 8] = [
    WAKING,
    Signal::SIGABRT,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGSEGV,
    Signal::SIGSYS,
    Signal::SIGTRAP,
];

/// They only wait and pass on.
const STACK_SIZE: usize = 128 * 1024;

/// A thread that was started by [`spawn`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interruptible {
    process: i32,
    thread: i32,
}

/// Starts a thread whose waiting can be interrupted.
pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<Interruptible> {
    catch()?;
    let (tell, told) = mpsc::sync_channel(1);
    let mut blocked = SigSet::all();
    NOT_BLOCKED.iter().for_each(|signal| blocked.remove(*signal));
    // It inherits what is blocked here, so that there is no moment in which it takes the others.
    let before = blocked.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_SETMASK)?;
    let builder = Builder::new().name(name.replace('\0', "")).stack_size(STACK_SIZE);
    let spawned = builder.spawn(move || {
        alternate_stack::provide();
        let _ = tell.send(rustix::thread::gettid().as_raw_nonzero().get());
        body();
    });
    before.thread_set_mask()?;
    spawned?;
    let thread = told.recv().map_err(io::Error::other)?;
    Ok(Interruptible { process: std::process::id().cast_signed(), thread })
}

impl Interruptible {
    /// Makes the system call that the thread waits in fail with `EINTR`. When it does not wait just
    /// now nothing happens, and so this is to be repeated until the thread has noticed. One that
    /// has ended is not an error.
    pub(crate) fn interrupt(self) {
        // SAFETY: the call takes integers only. If the thread has ended, its number is that of
        // nobody or of another thread of this process, in which the handler does nothing.
        unsafe { libc::syscall(libc::SYS_tgkill, self.process, self.thread, WAKING as i32) };
    }
}

/// Has a handler called that does nothing: without `SA_RESTART` the interrupted call is not begun
/// again (signal(7)).
fn catch() -> io::Result<()> {
    extern "C" fn wake(_: libc::c_int) {}
    let action = SigAction::new(SigHandler::Handler(wake), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing at all.
    unsafe { sigaction(WAKING, &action) }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    /// It comes back however early or late it is told, and takes no signal meant for others.
    #[test]
    fn a_thread_comes_back_from_its_waiting() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let waiting = socket2::Socket::from(OwnedFd::from(listener));
        let (tell, told) = mpsc::channel();
        let thread = spawn("it\0waits", move || {
            let blocked = SigSet::thread_get_mask().unwrap();
            let ended = waiting.accept().map(drop).map_err(|error| error.kind());
            tell.send((blocked, ended)).unwrap();
        });
        let thread = thread.unwrap();
        let (blocked, ended) = loop {
            thread.interrupt();
            if let Ok(ended) = told.recv_timeout(Duration::from_millis(1)) {
                break ended;
            }
        };
        assert_eq!(ended, Err(io::ErrorKind::Interrupted));
        assert!(blocked.contains(Signal::SIGQUIT) && !blocked.contains(Signal::SIGABRT));
        assert!(!SigSet::thread_get_mask().unwrap().contains(Signal::SIGQUIT));
        thread.interrupt();
    }
}
