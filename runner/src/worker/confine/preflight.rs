//! What cannot work, said before anything is started.

use super::{Confinement, option_of};
use crate::os::capability::{Capabilities, CapabilitySet};
use crate::os::privilege::Identity;
use crate::os::rlimit::{Limit, Resource};
use crate::os::{affinity, priority};
use std::io;

/// The name of an option, and why it cannot be had together with what to do about it.
type Problem = (&'static str, String);

/// What this process may do, and what it is.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) effective: Capabilities,
    pub(super) permitted: Capabilities,
    /// Empty where there are more than can be named.
    pub(super) cores: Vec<usize>,
    pub(super) nice: i32,
    pub(super) lowest_nice: i32,
    /// None without `/proc`.
    pub(super) oom_score_adj: Option<i32>,
}

impl Standing {
    fn of_process() -> io::Result<Self> {
        Ok(Self {
            effective: Capabilities::effective()?,
            permitted: Capabilities::permitted()?,
            cores: affinity::usable_cores().unwrap_or_default(),
            nice: priority::nice()?,
            lowest_nice: priority::lowest_nice(),
            oom_score_adj: priority::oom_score_adj().ok(),
        })
    }
}

impl Confinement {
    /// What of this cannot be applied by a child of this process, all of it.
    pub(crate) fn check(&self) -> Vec<Problem> {
        match Standing::of_process() {
            Ok(standing) => self.problems(&standing),
            Err(error) => vec![("user", format!("cannot tell what this process may do: {error}"))],
        }
    }

    pub(super) fn problems(&self, standing: &Standing) -> Vec<Problem> {
        let mut problems = Vec::new();
        problems.extend(self.identity_problem(standing));
        problems.extend(self.chroot_problem(standing).map(|text| ("chroot", text)));
        problems.extend(self.nice_problem(standing).map(|text| ("nice", text)));
        problems.extend(self.oom_problem(standing).map(|text| ("oom_score_adj", text)));
        problems.extend(self.affinity_problem(standing).map(|text| ("cpu_affinity", text)));
        problems.extend(self.capability_problem(standing).map(|text| ("capabilities", text)));
        problems.extend(self.rlimits.iter().filter_map(|(resource, limit)| {
            Some((option_of(*resource), limit_problem(*resource, *limit, standing)?))
        }));
        problems
    }

    fn identity_problem(&self, standing: &Standing) -> Option<Problem> {
        let identity = self.identity.as_ref()?;
        let name = identity.name();
        let problem = if !identity.is_permitted(standing.effective) {
            format!(
                "only root may run workers as `{name}`, by CAP_SETUID and CAP_SETGID; start as \
                 root, or leave out `user` and `group`"
            )
        } else if identity.is_out_of_reach() && lacks(standing, CapabilitySet::KILL) {
            format!(
                "without CAP_KILL the master could not stop workers of `{name}`; give it that, or \
                 start it as `{name}` and leave out `user`"
            )
        } else {
            return None;
        };
        Some((identity.option(), problem))
    }

    fn chroot_problem(&self, standing: &Standing) -> Option<String> {
        let path = self.chroot.as_ref()?;
        if !path.is_dir() {
            return Some(format!("`{}` is no directory; make it first", path.display()));
        }
        lacks(standing, CapabilitySet::SYS_CHROOT)
            .then(|| "it takes CAP_SYS_CHROOT; start as root, or leave out `chroot`".to_owned())
    }

    fn nice_problem(&self, standing: &Standing) -> Option<String> {
        let nice = self.nice?;
        let raises = nice < standing.nice && nice < standing.lowest_nice;
        (raises && lacks(standing, CapabilitySet::SYS_NICE)).then(|| {
            format!(
                "{nice} is a higher priority than that of the master, {}, which takes \
                 CAP_SYS_NICE; start as root, or ask for no less",
                standing.nice
            )
        })
    }

    fn oom_problem(&self, standing: &Standing) -> Option<String> {
        let wanted = self.oom_score_adj?;
        let Some(held) = standing.oom_score_adj else {
            return Some("it takes `/proc`; mount it, or leave out `oom_score_adj`".to_owned());
        };
        (wanted < held && lacks(standing, CapabilitySet::SYS_RESOURCE)).then(|| {
            format!(
                "{wanted} is less than that of the master, {held}, which takes CAP_SYS_RESOURCE; \
                 start with it, or ask for no less"
            )
        })
    }

    fn affinity_problem(&self, standing: &Standing) -> Option<String> {
        let cores = self.affinity.as_ref()?;
        if cores.is_empty() {
            return Some("no core is given; name some, or leave it out".to_owned());
        }
        let missing: Vec<_> = cores.iter().filter(|core| !standing.cores.contains(core)).collect();
        (!missing.is_empty()).then(|| {
            let usable = &standing.cores;
            format!("this program may not use the cores {missing:?}, only {usable:?}; choose among these")
        })
    }

    fn capability_problem(&self, standing: &Standing) -> Option<String> {
        let kept = self.capabilities?;
        let missing = kept.without(standing.permitted);
        if !missing.is_empty() {
            return Some(format!(
                "the master does not have {missing} itself; start it with them, or leave them out"
            ));
        }
        let ways = kept.ways_to_root();
        let is_ordinary = self.identity.as_ref().is_some_and(Identity::is_ordinary_user);
        (is_ordinary && !ways.is_empty()).then(|| {
            format!("whoever has {ways} can become root again; leave them out, or leave out `user`")
        })
    }
}

fn limit_problem(resource: Resource, limit: Limit, standing: &Standing) -> Option<String> {
    let ceiling = resource.ceiling();
    if ceiling < limit {
        return Some(format!("expected at most {ceiling}, which the kernel allows, got {limit}"));
    }
    let hard = resource.hard_limit();
    (hard < limit && lacks(standing, CapabilitySet::SYS_RESOURCE)).then(|| {
        format!(
            "{limit} is more than the {hard} that the master may have, which takes \
             CAP_SYS_RESOURCE; raise it where the program is started, or ask for no more"
        )
    })
}

fn lacks(standing: &Standing, capability: CapabilitySet) -> bool {
    !standing.effective.has(capability)
}
