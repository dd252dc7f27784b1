//! The supervisor: which worker is forked, replaced, stopped or killed, and when.
//!
//! It is told what happens ([`Supervisor::handle`]) and what time it is, and answers with what to
//! do ([`Supervisor::poll_action`]). Somebody else forks, signals, waits and writes.
//!
//! # A worker
//!
//! ```text
//!             READY           successor READY, graceful stop
//! Starting ─────────▶ Ready ──────────────────────────────────▶ Draining
//!    │                  │                                          │
//!    │                  │ restart, stop now                        │ restart, faster stop,
//!    │ superseded,      │                                          │ too many of them
//!    │ restart, stop    ▼                                          │
//!    ├─────────────▶ Stopping ◀────────────────────────────────────┤
//!    │                  │                                          │
//!    │ start_timeout    │ stop_grace                               │ drain_timeout + margin
//!    │                  ▼                                          │
//!    └─────────────▶ Killed ◀──────────────────────────────────────┘
//! ```
//!
//! In a graceful stop of a server with `lame_duck` a Ready worker is a LameDuck for that time: it
//! serves on, says that it will not for long, and then becomes Draining. A second stop ends that.
//!
//! From every state it may exit. A worker that exits without having been told to leave has
//! failed, and so has one that was killed because it was not READY in time.
//!
//! # A slot
//!
//! ```text
//!          fork               reload: fork
//! vacant ────────▶ holder ──────────────────────▶ holder and successor
//!   ▲              │    ▲                           │
//!   └──────────────┘    └───────────────────────────┘
//!     exit; after a       successor READY: the holder drains, and is the slot's no more
//!     failure, back off   holder exits: the successor takes its place
//!                         successor exits: the reload has failed
//! ```
//!
//! # The program
//!
//! ```text
//!           all READY           stop                                         all exited
//! Starting ──────────▶ Running ──────▶ Stopping: lame duck, drain, stop, kill ──────────▶ Finished
//!    │                                 ▲         (faster with each further stop)
//!    └─────────────────────────────────┘
//!      stop, or a worker that cannot serve or is late (then with exit code 1)
//! ```
//!
//! # Generations
//!
//! Generations are counted over the whole program, and each server has one: what is forked for it
//! now. A restart begins a generation for all servers, a reload for all or some of them; the others
//! keep theirs, and nothing happens to their workers.
//!
//! A reload *fails* when a successor of its generation does not become READY, or one in a slot that
//! was emptied for it: those not READY yet are stopped, the old workers stay, the new ones that are
//! READY stay as well, and vacant slots are filled with the generation their server had before.
//! It does not fail at once in a slot where nobody served (there is nothing to protect, and a
//! holder that dies makes its successor the holder): such a failure backs off like any other, the
//! reload goes on while it can, and the failure is its result in the end.
//!
//! A newer reload or a restart supersedes the one in progress; what is not READY is stopped. The
//! newer reload takes over the servers of the older one, also if it was asked for others: what has
//! changed for them is still to come. When it fails, each server returns to the generation that it
//! had before the older one.
//!
//! # Upgrades
//!
//! A supervisor can be written down as a [`Ledger`], and another one goes on in its place
//! ([`Supervisor::adopt`]), in a program that may have other servers. Nothing happens to any worker
//! by that. What differs from before holds once the reload that follows has succeeded; should it
//! fail, the program from before adopts the workers again and replaces those of the one that has
//! failed ([`Supervisor::roll_back`]).
//!
//! Invariant: nothing here reads a clock, makes a system call or knows who drives it: the same
//! calls give the same actions.
//! Invariant: an old worker is told to drain only when its successor is READY.
//! Invariant: a slot has one holder, and a successor is forked only for one that serves and is due or
//! of an older generation; two workers never serve in it but for the moment in which the successor
//! is READY and the holder is told to drain.
//! Invariant: once a stop has begun nothing is forked, and `Finish` is the last action.
//! Invariant: every state of a worker but `Ready` has a deadline, after which it is killed, or
//! drains if it was a lame duck; after a kill only its exit is waited for.
//! Invariant: a slot that fails again and again is filled at ever longer intervals.

mod action;
mod adopt;
mod backoff;
mod command;
mod elastic;
mod event;
mod failure;
mod health;
mod intensity;
mod leaving;
mod ledger;
mod server;
mod settings;
mod settle;
mod slot;
mod status;
#[cfg(test)]
mod tests;
mod worker;
#[cfg(any(test, fuzzing))]
mod world;

use std::time::Duration;

pub(crate) use crate::spec::ExitStatus;
pub(crate) use action::{
    Action, Cause, Leave, Reason, Recycle, ReloadError, Report, StartFailure, WorkerExit,
};
pub(crate) use adopt::Adopted;
pub(crate) use event::{Command, Ending, Event, Load, Scale, Stop};
pub(crate) use ledger::Ledger;
pub(crate) use settings::{ServerSettings, Settings};
pub(crate) use status::{ServerStatus, Stage, State, WorkerStatus};
#[cfg(any(test, fuzzing))]
pub(crate) use world::{fuzz, fuzz_ledger};

use action::Actions;
use backoff::Jitter;
use server::Server;
use slot::Slot;

/// The time since some moment in the past, the same for all calls. It never goes back.
pub(crate) type Time = Duration;

/// Counts up from 1 with every reload and restart. Zero is none.
pub(crate) type Generation = u32;

/// The number of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Pid(pub(crate) i32);

/// A place for a worker: the how-manieth server, and the slot in it. Both count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SlotId {
    pub(crate) server: usize,
    pub(crate) slot: u32,
}

const NEVER: Time = Time::MAX;

/// The state machine.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Supervisor {
    settings: Settings,
    servers: Vec<Server>,
    mode: Mode,
    /// The highest generation there ever was, also in a reload that has failed.
    newest: Generation,
    reload: Option<Reload>,
    /// When it was last told the time.
    seen_at: Time,
    jitter: Jitter,
    actions: Actions,
}

/// What the program is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Mode {
    Starting,
    Running,
    Stopping { how: Leave, started: bool, code: u8 },
    Finished,
}

impl Mode {
    /// Whether workers are forked in it.
    fn forks(self) -> bool {
        matches!(self, Self::Starting | Self::Running)
    }
}

/// A reload in progress.
#[derive(Clone, Debug, Hash)]
struct Reload {
    generation: Generation,
    /// The first failure in a slot where nobody served.
    failure: Option<StartFailure>,
}

impl Supervisor {
    /// Starts all workers of all servers.
    pub(crate) fn new(now: Time, settings: Settings, servers: &[ServerSettings]) -> Self {
        let server = |(index, own)| Server::new(index, own, &settings, now);
        let mut supervisor = Self {
            servers: servers.iter().enumerate().map(server).collect(),
            mode: Mode::Starting,
            newest: 1,
            reload: None,
            seen_at: now,
            jitter: Jitter::new(settings.seed),
            actions: Actions::default(),
            settings,
        };
        supervisor.settle(now);
        supervisor
    }

    /// Something has happened. Poll the actions after this.
    pub(crate) fn handle(&mut self, now: Time, event: Event) {
        self.forgive_lateness(now);
        match event {
            Event::Forked { slot, generation, pid } => self.forked(now, slot, generation, pid),
            Event::ForkFailed { slot, generation, reason } => {
                self.fork_failed(now, slot, generation, reason);
            }
            Event::Ready { pid } => {
                self.tell(pid, |slot, jitter, actions| slot.ready(pid, now, jitter, actions));
            }
            Event::Failed { pid, reason, retry } => self.failed(now, pid, reason, retry),
            Event::Due { pid, why } => {
                self.tell(pid, |slot, _, actions| slot.due(pid, why, now, actions));
            }
            Event::Heartbeat { pid, at } => {
                self.tell(pid, |slot, _, actions| slot.heard(pid, at, now, actions));
            }
            Event::Memory { pid, private } => {
                self.tell(pid, |slot, _, actions| slot.weighed(pid, private, now, actions));
            }
            Event::Load { server, load } => {
                if let Some(server) = self.servers.get_mut(server).filter(|_| self.mode.forks()) {
                    server.loaded(load, now, &mut self.actions);
                }
            }
            Event::Exited { pid, ending } => self.exited(now, pid, ending),
            Event::Command(command) => self.command(now, command),
        }
        self.settle(now);
    }

    /// Changes what a server is. Poll the actions after this.
    ///
    /// The policy of restarts and the budget hold at once. So do the times to leave in, for workers
    /// that are told from now on. The time to start in and what is watched of a worker hold for
    /// those that are forked from now on. Another configured number of workers is scaled to; if that
    /// has not changed, the number that it was scaled to stays. A range leaves the number as it is,
    /// as far as it is within.
    pub(crate) fn configure(&mut self, now: Time, server: usize, settings: ServerSettings) {
        self.forgive_lateness(now);
        if let Some(server) = self.servers.get_mut(server).filter(|_| self.mode.forks()) {
            server.configure(settings, &self.settings, now, &mut self.actions);
        }
        self.settle(now);
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come. Poll the actions after this. It
    /// does no harm to come early.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        self.forgive_lateness(now);
        let slots = self.servers.iter_mut().flat_map(|server| &mut server.slots);
        let setbacks = slots.filter_map(|slot| {
            slot.look(now, &mut self.actions);
            slot.expire(now, &mut self.actions)
        });
        for setback in setbacks.collect::<Vec<_>>() {
            self.setback(now, setback);
        }
        if self.mode.forks() {
            for server in &mut self.servers {
                server.watch_load(now, self.settings.load_interval, &mut self.actions);
            }
        }
        if self.mode == Mode::Starting {
            let late = self.servers.iter().find(|server| server.start_deadline() <= now);
            if let Some(failure) = late.and_then(Server::start_failure) {
                self.fail_start(now, failure);
            }
        }
        self.settle(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, if nothing happens before.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        let forks = self.mode.forks();
        let servers = self.servers.iter().map(|server| server.next_moment(forks));
        let mut timeout = servers.min().unwrap_or(NEVER);
        if self.mode == Mode::Starting {
            let start = self.servers.iter().map(Server::start_deadline).min();
            timeout = timeout.min(start.unwrap_or(NEVER));
        }
        Some(timeout).filter(|timeout| *timeout != NEVER)
    }

    /// The next thing to do. Poll until there is none.
    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.actions.next()
    }

    /// The highest generation that any server has now.
    pub(crate) fn generation(&self) -> Generation {
        self.servers.iter().map(|server| server.generation).max().unwrap_or(self.newest)
    }

    /// The generation of the reload in progress.
    pub(crate) fn reloading(&self) -> Option<Generation> {
        self.reload.as_ref().map(|reload| reload.generation)
    }

    /// Whether the program is to end, so that nothing is forked any more.
    pub(crate) fn is_stopping(&self) -> bool {
        !self.mode.forks()
    }

    /// How each server stands, in their order.
    pub(crate) fn status(&self) -> impl Iterator<Item = ServerStatus> {
        self.servers.iter().map(Server::status)
    }

    /// The slots of a server that new connections are to go to, in order.
    pub(crate) fn serving(&self, server: usize) -> Vec<u32> {
        let slots = self.servers.get(server).into_iter().flat_map(|server| &server.slots);
        slots.filter(|slot| slot.is_open()).map(|slot| slot.id.slot).collect()
    }

    // Events.

    fn forked(&mut self, now: Time, slot: SlotId, generation: Generation, pid: Pid) {
        if let Some(slot) = slot_at(&mut self.servers, slot) {
            slot.forked(generation, pid, now, &mut self.actions);
        }
    }

    /// Tells the slot of a process, if it has one.
    fn tell(&mut self, pid: Pid, tell: impl FnOnce(&mut Slot, &mut Jitter, &mut Actions)) {
        if let Some(slot) = slot_of(&mut self.servers, pid) {
            tell(slot, &mut self.jitter, &mut self.actions);
        }
    }

    /// Stops all clocks while the master, or the whole machine, did not run, which it notices by
    /// coming too late: workers may have stood still as well.
    fn forgive_lateness(&mut self, now: Time) {
        let unseen = now.saturating_sub(self.seen_at);
        let agreed = self.poll_timeout().map(|due| due.max(self.seen_at));
        self.seen_at = now;
        let late = agreed.and_then(|agreed| now.checked_sub(agreed));
        if let Some(late) = late.filter(|late| *late > self.settings.lateness) {
            self.servers.iter_mut().for_each(|server| server.pause(unseen));
            self.actions.report(Report::Paused { late });
        }
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.servers.iter().flat_map(|server| &server.slots)
    }
}

fn slot_of(servers: &mut [Server], pid: Pid) -> Option<&mut Slot> {
    servers.iter_mut().flat_map(|server| &mut server.slots).find(|slot| slot.knows(pid))
}

fn slot_at(servers: &mut [Server], id: SlotId) -> Option<&mut Slot> {
    servers.get_mut(id.server)?.slot(id.slot)
}
