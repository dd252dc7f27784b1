//! What the supervisor wants to know of the workers.

use super::run::MasterProcess;
use crate::os::clock;
use crate::os::memory::private_memory;
use crate::os::process::{Exit, Signal};
use crate::os::stuck::{CpuMark, Stuck};
use crate::spec::ExitStatus;
use crate::supervisor::{Ending, Load, Pid};
use std::time::Duration;

impl MasterProcess {
    /// When the worker was last seen alive, by the clock of the supervisor.
    pub(super) fn last_heartbeat(&mut self, pid: Pid) -> Duration {
        // Whatever was killed before has been asked about, or was none of ours.
        self.oom.kills_since_last();
        let now = self.now();
        let Some(worker) = self.live.get_mut(&pid.0) else {
            return now;
        };
        let heartbeat = worker.row.heartbeat();
        if worker.heartbeat.is_none() || heartbeat != worker.heartbeat {
            worker.heartbeat = heartbeat;
            worker.cpu_then = CpuMark::now(pid.0);
        }
        let age = heartbeat.map(|at| clock::monotonic().saturating_sub(at));
        now.saturating_sub(age.unwrap_or(Duration::MAX))
    }

    /// What the kernel knows of a worker that gives no sign of life.
    pub(super) fn stuck(&self, pid: Pid) -> Stuck {
        let worker = self.live.get(&pid.0);
        Stuck::look(pid.0, worker.and_then(|worker| worker.cpu_then))
    }

    /// The memory that only the worker has, in bytes; none when that cannot be read.
    pub(super) fn private_memory(&self, pid: Pid) -> Option<u64> {
        let server = self.servers.get(self.live.get(&pid.0)?.server)?;
        let limit = server.settings().max_memory.as_ref()?.value;
        private_memory(pid.0, limit)
            .inspect_err(|error| tracing::warn!(pid = pid.0, %error, "cannot measure the memory"))
            .ok()
    }

    /// What a server has to do since the last time this was asked.
    pub(super) fn load(&mut self, server: usize) -> Load {
        let listeners = self.servers.get(server).map(|server| &server.listeners);
        let queued = listeners.and_then(|listeners| listeners.total_queued().ok());
        let mut busy_percent: u32 = 0;
        for (pid, worker) in self.live.iter_mut().filter(|(_, worker)| worker.server == server) {
            let now = CpuMark::now(*pid);
            if let (Some(before), Some(now)) = (worker.cpu_before, now) {
                busy_percent = busy_percent.saturating_add(now.percent_since(before));
            }
            worker.cpu_before = now;
        }
        Load { queued: queued.unwrap_or(0), busy_percent }
    }

    /// How a worker has ended.
    pub(super) fn ending(&mut self, exit: Exit) -> Ending {
        match exit {
            Exit::Code(code) => ExitStatus::Code(code).into(),
            Exit::Signal { number, core } => {
                let out_of_memory = number == Signal::KILL.as_raw() && self.oom.claim();
                Ending { status: ExitStatus::Signal(number), core, out_of_memory }
            }
        }
    }
}
