//! A running master as its pid file tells of it, for what does without the control socket.

use crate::os::pidfile;
use crate::os::process::{Process, Signal};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

/// A master that runs.
pub(super) struct Running {
    master: Process,
}

impl Running {
    /// Finds the master that holds the pid file.
    pub(super) fn find(pid_file: Option<&Path>) -> Result<Self, String> {
        let path = pid_file.ok_or(
            "the running program is found by its pid file, and none is configured; \
             give one with `pid_file` or `--master.pid_file=PATH`",
        )?;
        let shown = path.display();
        let pid = holder(path)?.ok_or_else(|| format!("not running: nobody holds `{shown}`"))?;
        let master =
            Process::open(pid).map_err(|error| format!("cannot reach pid {pid}: {error}"))?;
        // The descriptor may have come too late and be another process's; then the holder differs.
        if holder(path)? != Some(pid) {
            return Err(format!("not running: nobody holds `{shown}` any more"));
        }
        Ok(Self { master })
    }

    /// Stops the program, draining unless `now`, and waits until it is gone.
    pub(super) fn stop(&self, now: bool, patience: Duration) -> Result<String, String> {
        let pid = self.master.pid();
        let signal = if now { Signal::INT } else { Signal::QUIT };
        self.master.signal(signal).map_err(|error| format!("cannot signal pid {pid}: {error}"))?;
        if self.has_ended_within(patience)? {
            Ok(format!("stopped (pid {pid})"))
        } else {
            Err(format!("pid {pid} still runs after {patience:?}"))
        }
    }

    /// Waits for the end of the master; false when it still runs after `patience`.
    fn has_ended_within(&self, patience: Duration) -> Result<bool, String> {
        let mut descriptor = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
        let ended = poll(&mut descriptor, timeout);
        ended.map(|count| count > 0).map_err(|error| format!("cannot wait: {error}"))
    }
}

/// The pid of the process that holds the pid file, if one does.
pub(super) fn holder(path: &Path) -> Result<Option<i32>, String> {
    pidfile::holder(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}
