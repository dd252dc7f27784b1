//! Processes, known by descriptors that the kernel never gives to another process.

use nix::unistd::Pid;
use rustix::process::{
    self, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

pub(crate) use rustix::process::Signal;

/// A process that can be signalled and waited for without a race over its pid.
#[derive(Debug)]
pub(crate) struct Process {
    pid: i32,
    descriptor: OwnedFd,
}

impl Process {
    /// Opens a running process (pidfd_open(2), Linux 5.3).
    pub(crate) fn open(pid: i32) -> io::Result<Self> {
        let known = process::Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidInput)?;
        let descriptor = pidfd_open(known, PidfdFlags::empty())?;
        Ok(Self { pid, descriptor })
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Sends a signal; a process that has ended already is not an error.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        match pidfd_send_signal(&self.descriptor, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// A child of this process. Its descriptor is readable once it has ended.
#[derive(Debug)]
pub(crate) struct Child(Process);

impl Child {
    /// Takes a child that nobody has waited for yet. One that cannot be taken is ended.
    pub(super) fn adopt(pid: Pid) -> io::Result<Self> {
        Process::open(pid.as_raw()).map(Self).inspect_err(|_| {
            // Not waited for yet, so the number is still its own.
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
            let _ = nix::sys::wait::waitpid(pid, None);
        })
    }

    pub(crate) fn pid(&self) -> i32 {
        self.0.pid()
    }

    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        self.0.signal(signal)
    }

    /// Collects the exit status if the child has ended; never waits.
    pub(crate) fn try_wait(&self) -> io::Result<Option<Exit>> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        let Some(status) = waitid(WaitId::PidFd(self.0.as_fd()), options)? else {
            return Ok(None);
        };
        let signal = status.terminating_signal().map(Exit::Signal);
        Ok(signal.or_else(|| status.exit_status().map(Exit::Code)))
    }
}

impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Code(i32),
    Signal(i32),
}

/// The memory that only `pid` uses, in bytes, and not shared since a fork.
pub(crate) fn private_memory(pid: i32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let private = rollup.lines().filter(|line| line.starts_with("Private_"));
    let kib = private.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    Some(kib.sum::<u64>() * 1024)
}
