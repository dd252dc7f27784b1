//! Forking a worker, and taking everything of the master's away from it.

use super::live::LiveWorker;
use super::run::MasterProcess;
use crate::os::fork::{self, ForkError};
use crate::scoreboard::Row;
use crate::server::{Identity, Serve};
use crate::spec::Spawn;
use crate::supervisor::{Generation, SlotId};
use crate::worker::{self, Kit, Orders, Seed};
use std::io;
use std::os::unix::net::UnixStream;
use std::process;
use std::sync::Arc;

/// Somebody wants workers of a server that an upgrade has taken out of the program.
const NO_SERVER: &str = "the program has no such server any more";

impl MasterProcess {
    /// Forks a worker for the slot.
    pub(super) fn spawn(&mut self, slot: SlotId, generation: Generation) -> Result<i32, ForkError> {
        let serve = self.servers[slot.server].serve.clone();
        let serve = serve.ok_or_else(|| ForkError::Refused(io::Error::other(NO_SERVER)))?;
        let (ours, theirs) = UnixStream::pair().map_err(ForkError::Refused)?;
        ours.set_nonblocking(true).map_err(ForkError::Refused)?;
        let row = Row::create().map_err(ForkError::Refused)?;
        let master_pid = process::id().cast_signed();
        let mut ends = Some((ours, theirs, serve));
        let child = fork::spawn(|| {
            let Some((ours, theirs, serve)) = ends.take() else {
                return 0;
            };
            drop(ours);
            let seed = self.take_seed(slot, generation, theirs, row.clone(), master_pid, serve);
            match self.config.spawn.value {
                Spawn::Exec => worker::execute(seed, slot.server, &self.image),
                Spawn::Fork => worker::run(seed, || Ok(())),
            }
        })?;
        let Some((ours, ..)) = ends else {
            return Err(ForkError::Refused(io::ErrorKind::Other.into()));
        };
        let pid = child.pid();
        self.live.insert(pid, LiveWorker::new(child, slot, generation, ours, row));
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
        serve: Arc<dyn Serve>,
    ) -> Seed {
        let mut servers = std::mem::take(&mut self.servers);
        let server = servers.swap_remove(slot.server);
        drop(servers);
        self.live.clear();
        self.signals.take();
        self.control.take();
        self.launcher.take();
        self.pid_file.take();
        self.upgrade.take();
        self.strangers.clear();
        let edition = server.editions.into_edition_of(generation);
        let settings = edition.config.settings;
        let orders = Orders {
            identity: Identity { server: server.name.value, slot: slot.slot, generation },
            limits: edition.limits,
            confinement: edition.confinement.for_slot(slot.slot),
            master_pid,
            threads: settings.threads.value,
            drain_timeout: settings.drain_timeout.value,
            heartbeat_timeout: settings.heartbeat_timeout.value,
            max_requests: settings.max_requests.map(|most| most.value),
        };
        let listeners = server.listeners.take(slot.slot, &settings.bind.value);
        let kit = Kit { listeners, channel, row, stdio: edition.stdio };
        Seed { orders, kit, serve, title: self.title }
    }
}
