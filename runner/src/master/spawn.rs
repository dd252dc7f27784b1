//! Forking a worker, and taking everything of the master's away from it.

use super::live::LiveWorker;
use super::run::MasterProcess;
use crate::os::fork::{self, ForkError};
use crate::scoreboard::Row;
use crate::server::Identity;
use crate::spec::Spawn;
use crate::supervisor::{Generation, SlotId};
use crate::worker::{self, Kit, Orders, Seed};
use std::os::unix::net::UnixStream;
use std::process;

impl MasterProcess {
    /// Forks a worker for the slot.
    pub(super) fn spawn(&mut self, slot: SlotId, generation: Generation) -> Result<i32, ForkError> {
        let (ours, theirs) = UnixStream::pair().map_err(ForkError::Refused)?;
        ours.set_nonblocking(true).map_err(ForkError::Refused)?;
        let row = Row::create().map_err(ForkError::Refused)?;
        let master_pid = process::id().cast_signed();
        let mut ends = Some((ours, theirs));
        let child = fork::spawn(|| {
            let Some((ours, theirs)) = ends.take() else {
                return 0;
            };
            drop(ours);
            let seed = self.take_seed(slot, generation, theirs, row.clone(), master_pid);
            match self.config.spawn.value {
                Spawn::Exec => worker::execute(seed, slot.server, &self.image),
                Spawn::Fork => worker::run(seed, || Ok(())),
            }
        })?;
        let Some((ours, _theirs)) = ends else {
            return Err(ForkError::Refused(std::io::ErrorKind::Other.into()));
        };
        let pid = child.pid();
        self.live.insert(pid, LiveWorker::new(child, slot, ours, row));
        Ok(pid)
    }

    /// In the child: what its worker needs, while every other descriptor of the master's is closed.
    fn take_seed(
        &mut self,
        slot: SlotId,
        generation: Generation,
        channel: UnixStream,
        row: Row,
        master_pid: i32,
    ) -> Seed {
        let mut servers = std::mem::take(&mut self.servers);
        let server = servers.swap_remove(slot.server);
        drop(servers);
        self.live.clear();
        self.signals.take();
        self.control.take();
        self.launcher.take();
        self.pid_file.take();
        let settings = server.config.settings;
        let orders = Orders {
            identity: Identity { server: server.config.name.value, slot: slot.slot, generation },
            limits: server.limits,
            confinement: server.confinement.for_slot(slot.slot),
            master_pid,
            threads: settings.threads.value,
            drain_timeout: settings.drain_timeout.value,
            heartbeat_timeout: settings.heartbeat_timeout.value,
            max_requests: settings.max_requests.map(|most| most.value),
        };
        let listeners = server.listeners.take(slot.slot, &settings.bind.value);
        let kit = Kit { listeners, channel, row, stdio: server.stdio };
        Seed { orders, kit, serve: server.serve, title: self.title }
    }
}
