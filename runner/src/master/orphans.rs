//! Processes that become children of the master because their parents are gone.
//!
//! As process 1, and as a subreaper, the master is the one that the kernel gives orphans to, and the
//! only one that can make zombies disappear. Elsewhere nobody sends it CHLD, and it waits for its
//! workers and for nothing else.
//!
//! A child that a hook waits for before it returns keeps its exit status, for nothing is reaped
//! meanwhile. One that a hook leaves running is an orphan like any other: as process 1 or as a
//! subreaper, its status is gone when a later hook asks for it.

use super::run::MasterProcess;
use crate::os::orphans;

impl MasterProcess {
    /// Reaps every child that has ended. The kernel shows one at a time, and the same again until it
    /// is waited for; so workers are dealt with here too, in their own way.
    pub(super) fn reap(&mut self) {
        while let Some(pid) = orphans::ended_child() {
            let reaped = if self.live.contains_key(&pid) {
                self.look_at(pid);
                !self.live.contains_key(&pid)
            } else if self.upgrade.as_ref().is_some_and(|upgrade| upgrade.is_trial(pid)) {
                // It is looked at, and waited for, with the others.
                false
            } else {
                tracing::debug!(pid, "an orphan has ended");
                orphans::reap(pid)
            };
            if !reaped {
                break;
            }
        }
    }
}
