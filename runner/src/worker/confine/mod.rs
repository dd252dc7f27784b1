//! What a worker is allowed and limited to.
//!
//! The master resolves it and checks it before the first fork ([`Confinement::check`]); the worker
//! applies it to itself before any code of the user's runs ([`Confinement::apply`]). At that time
//! it has one thread, so that what the kernel keeps for each thread holds for the whole process.

mod preflight;
#[cfg(test)]
mod tests;

use crate::os::capability::{self, Capabilities};
use crate::os::privilege::{self, Identity};
use crate::os::rlimit::{Limit, Resource};
use crate::os::{affinity, priority};
use nix::sys::stat::{Mode, umask};
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::fs::metadata;
use std::io;
use std::os::unix::fs::{MetadataExt, chroot};
use std::path::{Path, PathBuf};

/// What a worker is allowed and limited to. The default leaves everything as the master has it, but
/// for the descriptors: of these a worker may always open as many as its hard limit allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Confinement {
    pub(crate) identity: Option<Identity>,
    /// Permission bits that new files do not get.
    pub(crate) umask: Option<u32>,
    /// The directory that becomes `/`.
    pub(crate) chroot: Option<PathBuf>,
    /// From -20, first in the queue, to 19.
    pub(crate) nice: Option<i32>,
    /// From -1000, never killed when memory runs out, to 1000.
    pub(crate) oom_score_adj: Option<i32>,
    /// The cores to run on, of which [`Confinement::for_slot`] leaves one.
    pub(crate) affinity: Option<Vec<usize>>,
    pub(crate) rlimits: Vec<(Resource, Limit)>,
    /// Whether set-user bits and the like of the programs it runs have no effect.
    pub(crate) no_new_privs: bool,
    /// The capabilities that are left; none: they stay as they are.
    pub(crate) capabilities: Option<Capabilities>,
}

impl Confinement {
    /// Another identity, and what goes with it: no new privileges, and of root's capabilities none.
    pub(crate) fn of(identity: Option<Identity>) -> Self {
        let is_ordinary = identity.as_ref().is_some_and(Identity::is_ordinary_user);
        Self {
            no_new_privs: identity.is_some(),
            capabilities: is_ordinary.then(Capabilities::default),
            identity,
            ..Self::default()
        }
    }

    /// That of the worker in a slot, which has one core to itself: the slots take turns.
    ///
    /// The order of the numbers is a good one: nearly all machines number the second threads of
    /// their cores after the first ones.
    #[must_use]
    pub(crate) fn for_slot(mut self, slot: u32) -> Self {
        self.affinity = self.affinity.map(|cores| {
            let turn = usize::try_from(slot).ok().and_then(|slot| slot.checked_rem(cores.len()));
            turn.and_then(|turn| cores.get(turn).copied()).into_iter().collect()
        });
        self
    }

    /// Confines this process, for good. Everything is looked at afterwards; the first thing that is
    /// not as it should be is the error, and the worker must not go on.
    ///
    /// The order is fixed, because each step takes away what the steps before it need:
    ///
    /// 1. umask, limits, oom score, nice, cores: raising or lowering some of them takes
    ///    capabilities, and the oom score is a file below `/proc`.
    /// 2. The root directory, which takes a capability as well. Users and groups have been looked
    ///    up by now, and nothing after this needs a file.
    /// 3. The bounding set, before CAP_SETPCAP goes with the others.
    /// 4. Groups, then group, then user: each needs what the next one gives up. Kept capabilities
    ///    survive it only if the kernel is asked to before.
    /// 5. The capabilities themselves; exactly the kept ones remain.
    /// 6. No new privileges, which hinders none of the above and so comes last.
    /// 7. Core dumps, which every change of user and capabilities forbids again.
    pub(crate) fn apply(&self) -> Result<(), String> {
        self.apply_limits()?;
        self.apply_priorities()?;
        self.change_root()?;
        self.become_user()?;
        if self.no_new_privs {
            privilege::forbid_new_privileges().map_err(cannot("no_new_privs", "set it"))?;
        }
        if self.wants_core_dumps() {
            let option = option_of(Resource::Core);
            privilege::allow_core_dumps().map_err(cannot(option, "allow core dumps"))?;
        }
        self.verify()
    }

    fn apply_limits(&self) -> Result<(), String> {
        if let Some(mask) = self.umask {
            umask(Mode::from_bits_truncate(mask));
        }
        if self.limit_of(Resource::Nofile).is_none() {
            let option = option_of(Resource::Nofile);
            Resource::Nofile.raise().map_err(cannot(option, "raise it to the hard limit"))?;
        }
        for (resource, limit) in &self.rlimits {
            let what = format!("set it to {limit}");
            resource.limit_to(*limit).map_err(cannot(option_of(*resource), what))?;
        }
        Ok(())
    }

    fn apply_priorities(&self) -> Result<(), String> {
        if let Some(wanted) = self.oom_score_adj {
            let what = format!("set it to {wanted}");
            priority::set_oom_score_adj(wanted).map_err(cannot("oom_score_adj", &what))?;
            // Looked at now, because `/proc` may soon be out of reach.
            let held = priority::oom_score_adj().map_err(cannot("oom_score_adj", "read it"))?;
            ensure(held == wanted, "oom_score_adj")?;
        }
        if let Some(nice) = self.nice {
            priority::set_nice(nice).map_err(cannot("nice", format!("set it to {nice}")))?;
        }
        if let Some(cores) = &self.affinity {
            affinity::run_on(cores).map_err(cannot("cpu_affinity", format!("run on {cores:?}")))?;
        }
        Ok(())
    }

    fn change_root(&self) -> Result<(), String> {
        let Some(path) = &self.chroot else {
            return Ok(());
        };
        let enter = || {
            let wanted = identify(path)?;
            chroot(path)?;
            // A working directory outside would be a way out.
            std::env::set_current_dir("/")?;
            Ok(identify(Path::new("/"))? == wanted && identify(Path::new("."))? == wanted)
        };
        let what = format!("make `{}` the root directory", path.display());
        ensure(enter().map_err(cannot("chroot", what))?, "chroot")
    }

    fn become_user(&self) -> Result<(), String> {
        if let Some(kept) = self.capabilities {
            kept.bound().map_err(cannot("capabilities", "bound them"))?;
            if !kept.is_empty() {
                capability::survive_user_change().map_err(cannot("capabilities", "keep them"))?;
            }
        }
        if let Some(identity) = &self.identity {
            let what = format!("become `{}`", identity.name());
            identity.assume().map_err(cannot(identity.option(), what))?;
        }
        if let Some(kept) = self.capabilities {
            kept.hold().map_err(cannot("capabilities", format!("keep exactly {kept}")))?;
        }
        Ok(())
    }

    /// Looks at everything that a later step could have changed again, and tries the way back to
    /// root. The root directory, the oom score, the bounding set and `no_new_privs` have been looked
    /// at when they were set.
    fn verify(&self) -> Result<(), String> {
        if let Some(mask) = self.umask.map(Mode::from_bits_truncate) {
            ensure(umask(mask) == mask, "umask")?;
        }
        for (resource, limit) in &self.rlimits {
            ensure(resource.is_limited_to(*limit), option_of(*resource))?;
        }
        if let Some(nice) = self.nice {
            ensure(priority::nice().is_ok_and(|held| held == nice), "nice")?;
        }
        if let Some(cores) = &self.affinity {
            let held = affinity::usable_cores().map_err(cannot("cpu_affinity", "read it"))?;
            let all = held.iter().all(|core| cores.contains(core))
                && cores.iter().all(|core| held.contains(core));
            ensure(all, "cpu_affinity")?;
        }
        if let Some(kept) = self.capabilities {
            let held = kept.are_held().map_err(cannot("capabilities", "read them"))?;
            ensure(held, "capabilities")?;
        }
        self.identity.as_ref().map_or(Ok(()), |identity| {
            let what = format!("become `{}` for good", identity.name());
            identity.verify().map_err(cannot(identity.option(), what))
        })
    }

    /// A limit that allows core dumps asks for them, also of a worker that has changed its user.
    fn wants_core_dumps(&self) -> bool {
        self.limit_of(Resource::Core).is_some_and(|limit| Limit::Most(0) < limit)
    }

    fn limit_of(&self, wanted: Resource) -> Option<Limit> {
        let limit = self.rlimits.iter().find(|(resource, _)| *resource == wanted);
        limit.map(|(_, limit)| *limit)
    }
}

/// The option that sets the limit.
fn option_of(resource: Resource) -> &'static str {
    match resource {
        Resource::As => "rlimits.as",
        Resource::Core => "rlimits.core",
        Resource::Cpu => "rlimits.cpu",
        Resource::Data => "rlimits.data",
        Resource::Fsize => "rlimits.fsize",
        Resource::Memlock => "rlimits.memlock",
        Resource::Nofile => "rlimits.nofile",
        Resource::Nproc => "rlimits.nproc",
        Resource::Stack => "rlimits.stack",
    }
}

/// An error of the system, with the option it belongs to.
fn cannot(option: &'static str, what: impl Display) -> impl FnOnce(io::Error) -> String {
    move |error| format!("{option}: cannot {what}: {error}; {}", fix(&error, option))
}

/// What to do about it. Everything that could be seen before the fork was refused there, so that
/// what is left is the surroundings of the program.
fn fix(error: &io::Error, option: &str) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!(
            "the container or the service manager that runs the program takes the right to it \
             away: give it back, or leave out `{option}`"
        ),
        _ => format!("change or leave out `{option}`"),
    }
}

fn ensure(holds: bool, option: &str) -> Result<(), String> {
    if holds {
        Ok(())
    } else {
        Err(format!("{option}: the kernel took it and did otherwise; leave it out"))
    }
}

/// What tells one directory from all others.
fn identify(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}
