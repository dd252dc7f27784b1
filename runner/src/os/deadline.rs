//! A process that ends itself at a deadline, whatever its code is busy with.

use nix::sys::signal::{SigEvent, SigevNotify, Signal};
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;
use std::cell::UnsafeCell;
use std::io;
use std::time::Duration;

/// A kernel timer (timer_create(2)) that kills this process when it fires.
pub(super) struct Fuse {
    timer: UnsafeCell<Timer>,
    after: Duration,
}

// SAFETY: `timer` is touched by one function only, which hands its id to `timer_settime(2)`;
// the kernel serialises that call.
unsafe impl Sync for Fuse {}
// SAFETY: a timer id is valid in every thread of the process.
unsafe impl Send for Fuse {}

impl Fuse {
    /// A fuse that is not lit yet.
    pub(super) fn new(after: Duration) -> io::Result<Self> {
        let notify = SigevNotify::SigevSignal { signal: Signal::SIGKILL, si_value: 0 };
        let timer = Timer::new(ClockId::CLOCK_MONOTONIC, SigEvent::new(notify))?;
        Ok(Self { timer: UnsafeCell::new(timer), after })
    }

    /// Starts the countdown. Async-signal-safe: one system call (signal-safety(7)).
    pub(super) fn light(&self) {
        // SAFETY: no other reference to the timer exists: this is the only access to it, and a
        // signal does not interrupt its own handler.
        let timer = unsafe { &mut *self.timer.get() };
        let _ = timer.set(Expiration::OneShot(self.after.into()), TimerSetTimeFlags::empty());
    }
}

/// From now on QUIT also starts a countdown to KILL of this very process.
///
/// A worker that drains ends by itself long before. One whose only thread is stuck cannot, and
/// when its master is gone nobody else would end it.
pub(crate) fn kill_self_after_quit(after: Duration) -> io::Result<()> {
    let fuse = Fuse::new(after)?;
    // SAFETY: the action makes one async-signal-safe call and neither allocates nor locks.
    unsafe { signal_hook::low_level::register(libc::SIGQUIT, move || fuse.light()) }?;
    Ok(())
}
