//! Processes, known by descriptors that the kernel never gives to another process.

use nix::unistd::Pid;
use rustix::process::{
    self, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};
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
        let known = (pid > 0).then(|| process::Pid::from_raw(pid)).flatten();
        let known = known.ok_or(io::ErrorKind::InvalidInput)?;
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

    /// Takes a child that the process image before this one has made. An error if the process is no
    /// child of this one.
    pub(crate) fn of_previous_image(pid: i32) -> io::Result<Self> {
        let process = Process::open(pid)?;
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::PidFd(process.as_fd()), options)?;
        Ok(Self(process))
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
        let core = status.dumped();
        let signal = status.terminating_signal().map(|number| Exit::Signal { number, core });
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
    /// By a signal; `core` when the kernel has written a core dump, or handed it to a program.
    Signal {
        number: i32,
        core: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::fs;
    use std::process::Command;

    /// Runs a shell until its end.
    fn run(script: &str, directory: &tempfile::TempDir) -> Exit {
        let mut command = Command::new("sh");
        let command = command.args(["-c", script]).current_dir(directory.path());
        #[expect(clippy::zombie_processes, reason = "it is waited for as a `Child` of ours")]
        let started = command.spawn().unwrap();
        let child = Child::adopt(Pid::from_raw(started.id().cast_signed())).unwrap();
        poll(&mut [PollFd::new(child.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE).unwrap();
        child.try_wait().unwrap().expect("an end")
    }

    #[test]
    fn ends_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        for (script, exit) in [
            ("exit 7", Exit::Code(7)),
            ("kill -KILL $$", Exit::Signal { number: 9, core: false }),
            ("ulimit -c 0; kill -ABRT $$", Exit::Signal { number: 6, core: false }),
        ] {
            assert_eq!(run(script, &directory), exit, "{script}");
        }
    }

    /// A descriptor stays that of the process it was made for, when another one has its pid (P32).
    #[test]
    fn a_pid_that_is_used_again_is_not_signalled() {
        const LAST_PID: &str = "/proc/sys/kernel/ns_last_pid";
        let directory = tempfile::tempdir().unwrap();
        for _ in 0..1000 {
            let mut gone = Command::new("true").spawn().unwrap();
            let pid = gone.id();
            let child = Process::open(pid.cast_signed()).unwrap();
            gone.wait().unwrap();
            // Others start processes too, so the next one need not be ours.
            if fs::write(LAST_PID, (pid - 1).to_string()).is_err() {
                println!("skipped: only root chooses pids");
                return;
            }
            let mut other =
                Command::new("sleep").arg("60").current_dir(&directory).spawn().unwrap();
            let reused = other.id() == pid;
            if reused {
                child.signal(Signal::KILL).unwrap();
                let other = Process::open(pid.cast_signed()).unwrap();
                let mut ended = [PollFd::new(other.as_fd(), PollFlags::POLLIN)];
                assert_eq!(poll(&mut ended, PollTimeout::from(100_u8)), Ok(0), "it was killed");
            }
            other.kill().unwrap();
            other.wait().unwrap();
            if reused {
                return;
            }
        }
        panic!("no pid was used again");
    }

    /// Where the kernel puts cores into the working directory, the flag says whether there is one.
    #[test]
    fn a_core_is_noticed() {
        let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
        if !pattern.starts_with("core") {
            println!("skipped: cores go to `{}`", pattern.trim());
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let exit = run("ulimit -c unlimited; kill -ABRT $$", &directory);
        let core = fs::read_dir(directory.path()).unwrap().count() == 1;
        assert_eq!(exit, Exit::Signal { number: 6, core });
    }

    #[test]
    fn only_children_are_taken_over() {
        let directory = tempfile::tempdir().unwrap();
        let script = directory.path().join("wait");
        nix::unistd::mkfifo(&script, nix::sys::stat::Mode::S_IRWXU).unwrap();
        #[expect(clippy::zombie_processes, reason = "it is waited for as a `Child` of ours")]
        let started = Command::new("cat").arg(&script).spawn().unwrap();
        let child = Child::of_previous_image(started.id().cast_signed()).unwrap();
        assert_eq!(child.try_wait().unwrap(), None);
        child.signal(Signal::KILL).unwrap();
        let mut descriptors = [PollFd::new(child.as_fd(), PollFlags::POLLIN)];
        poll(&mut descriptors, PollTimeout::NONE).unwrap();
        // Also one that has ended already, as long as nobody has waited for it.
        let child = Child::of_previous_image(child.pid()).unwrap();
        assert_eq!(child.try_wait().unwrap(), Some(Exit::Signal { number: 9, core: false }));
        for other in [1, child.pid(), 0, -1] {
            Child::of_previous_image(other).unwrap_err();
        }
    }
}
