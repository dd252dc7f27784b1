//! Supervisors of the simulated world that go on where others have stopped.

use super::World;
use super::plan::Change;
use crate::supervisor::{Adopted, Command, Event, Ledger, Mode, ServerSettings, Supervisor};

/// The most servers that a program comes to have.
const MOST_SERVERS: usize = 5;

impl World {
    pub(super) fn upgrade(&mut self, change: Change) {
        if !self.is_upgradable() {
            return;
        }
        self.change(change);
        self.see(false, |world| {
            world.replace();
            world.witness.asked(&Command::Reload, &world.supervisor);
            world.supervisor.handle(world.now, Event::Command(Command::Reload));
            world.witness.scaled(&world.supervisor);
        });
    }

    pub(in crate::supervisor) fn hand_over(&mut self) {
        if !self.is_upgradable() {
            return;
        }
        // What is due by now is done by the one that goes.
        self.see(false, |world| world.supervisor.handle_timeout(world.now));
        if self.is_upgradable() {
            let before = self.supervisor.ledger();
            self.see(false, Self::replace);
            assert_eq!(before, self.supervisor.ledger());
        }
    }

    pub(super) fn roll_back(&mut self) {
        let failed = self.supervisor.newest;
        // The first generation is that of the program which has begun.
        if !self.is_upgradable() || failed == 1 {
            return;
        }
        self.witness.forget_forks();
        self.see(false, |world| {
            world.replace();
            world.supervisor.roll_back(world.now, failed);
            world.witness.scaled(&world.supervisor);
        });
    }

    /// What the reload after an upgrade has brought holds now.
    pub(super) fn settle_upgrade(&mut self) {
        for (index, settings) in std::mem::take(&mut self.upcoming) {
            self.servers[index] = settings;
        }
    }

    fn is_upgradable(&self) -> bool {
        self.supervisor.mode == Mode::Running && self.supervisor.reload.is_none()
    }

    /// Until the reload succeeds a server has the number of workers that it had.
    fn change(&mut self, change: Change) {
        match change {
            Change::Nothing => {}
            Change::Other(pick, settings) => {
                let index = pick % self.servers.len();
                if !self.removed.contains(&index) {
                    self.servers[index] = settings.sized(self.servers[index].sizing());
                    self.upcoming.insert(index, settings);
                }
            }
            Change::New(settings) => {
                if self.servers.len() < MOST_SERVERS {
                    self.servers.push(settings);
                    self.witness.extend();
                }
            }
            Change::Gone(pick) => {
                let index = pick % self.servers.len();
                if self.removed.len() + 1 < self.servers.len() {
                    self.removed.insert(index);
                    self.upcoming.remove(&index);
                }
            }
        }
    }

    /// One supervisor writes, another one reads.
    fn replace(&mut self) {
        let text = serde_json::to_string(&self.supervisor.ledger()).expect("written");
        let ledger: Ledger = serde_json::from_str(&text).expect("read");
        let mut ledgers = ledger.servers.into_iter();
        let adopt = |(index, server): (usize, &ServerSettings)| Adopted {
            settings: self.upcoming.get(&index).unwrap_or(server).clone(),
            ledger: ledgers.next(),
            removed: self.removed.contains(&index),
        };
        let adopted = self.servers.iter().enumerate().map(adopt).collect();
        let adopted = Supervisor::adopt(self.now, self.settings.clone(), adopted, ledger.newest);
        self.supervisor = adopted.expect("what was written");
    }
}
