//! Going on where another supervisor has stopped.

use super::action::Actions;
use super::backoff::Jitter;
use super::ledger::{Ledger, ServerLedger};
use super::server::Server;
use super::{Generation, Mode, ServerSettings, Settings, Supervisor, Time};
use std::collections::BTreeSet;

/// The highest generation that is believed: it leaves room for all that follow.
const MAX_GENERATION: Generation = Generation::MAX / 2;

/// The most workers that a server is believed to be configured with; its slots take memory.
const MAX_WORKERS: u32 = 1 << 12;

/// A server of a supervisor that goes on for another one.
#[derive(Clone, Debug)]
pub(crate) struct Adopted {
    pub(crate) settings: ServerSettings,
    /// None if the server is new.
    pub(crate) ledger: Option<ServerLedger>,
    /// Whether the program has it no more.
    pub(crate) removed: bool,
}

impl Supervisor {
    /// Goes on where another supervisor has stopped, or says what is wrong with what it left. Poll
    /// the actions after this.
    ///
    /// `newest` is that of the ledger, and `now` goes on from the times of the one that wrote it.
    ///
    /// Whatever differs from before waits until a reload has succeeded. For a new server that reload
    /// is the first to fork. A server that is configured to have another number of workers has it
    /// after the reload, and else goes on with the number that it was scaled to. For a removed server
    /// nothing is forked, and its workers drain after the reload.
    pub(crate) fn adopt(
        now: Time,
        settings: Settings,
        servers: Vec<Adopted>,
        newest: Generation,
    ) -> Result<Self, String> {
        check(&servers, newest)?;
        let mut jitter = Jitter::new(settings.seed);
        let adopt = |(index, server)| Server::adopt(index, server, &settings, now, &mut jitter);
        let mut supervisor = Self {
            servers: servers.into_iter().enumerate().map(adopt).collect::<Result<_, _>>()?,
            mode: Mode::Running,
            newest,
            reload: None,
            seen_at: now,
            jitter,
            actions: Actions::default(),
            settings,
        };
        supervisor.settle(now);
        Ok(supervisor)
    }

    /// Replaces, in the program that goes on again after another one has failed, the workers which
    /// that one has forked: those of the generation `failed` and later ones. Poll the actions after
    /// this.
    ///
    /// Those that serve are due, and replaced as the budget allows. Vacant slots are filled at
    /// once, with a generation from before. The servers that only the other program has, given here
    /// as removed, are dismissed.
    pub(crate) fn roll_back(&mut self, now: Time, failed: Generation) {
        self.forgive_lateness(now);
        for server in &mut self.servers {
            server.roll_back(failed, now, &mut self.actions);
        }
        self.settle(now);
    }

    /// What another supervisor needs to go on in its place. What is due by now should have been
    /// done, by [`handle_timeout`](Self::handle_timeout) and what follows from it.
    pub(crate) fn ledger(&self) -> Ledger {
        Ledger {
            generation: self.generation(),
            newest: self.newest,
            servers: self.servers.iter().map(Server::ledger).collect(),
        }
    }

    /// Whether an upgrade may begin: it runs, without a reload in progress and without a worker
    /// that starts.
    pub(crate) fn is_calm(&self) -> bool {
        let starts = self.servers.iter().any(Server::is_starting);
        self.mode == Mode::Running && self.reload.is_none() && !starts
    }
}

/// Sees to it that the parts fit together; each is looked at where it is adopted.
fn check(servers: &[Adopted], newest: Generation) -> Result<(), String> {
    if newest > MAX_GENERATION {
        return Err(format!("generation {newest} is out of range"));
    }
    let ledgers = servers.iter().filter_map(|server| server.ledger.as_ref());
    let sizings = ledgers.clone().map(|server| server.configured);
    let mut sizes = sizings.flat_map(|it| [it.workers, it.bounds.0, it.bounds.1]);
    if let Some(workers) = sizes.find(|workers| *workers > MAX_WORKERS) {
        return Err(format!("{workers} workers are out of range"));
    }
    let slots = ledgers.clone().flat_map(|server| &server.slots);
    let workers = slots.clone().flat_map(|slot| &slot.workers);
    let generations = ledgers.map(|server| server.generation);
    let generations = generations.chain(slots.map(|slot| slot.ready_generation));
    let mut generations = generations.chain(workers.clone().map(|worker| worker.generation));
    if let Some(later) = generations.find(|generation| newest < *generation) {
        return Err(format!("generation {later} is later than the newest one, {newest}"));
    }
    let mut pids = BTreeSet::new();
    for pid in workers.map(|worker| worker.pid) {
        if pid <= 0 || !pids.insert(pid) {
            return Err(format!("process {pid} is none, or there twice"));
        }
    }
    Ok(())
}
