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
struct Standing {
    effective: Capabilities,
    permitted: Capabilities,
    /// Empty where there are more than can be named.
    cores: Vec<usize>,
    nice: i32,
    lowest_nice: i32,
    /// None without `/proc`.
    oom_score_adj: Option<i32>,
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

    fn problems(&self, standing: &Standing) -> Vec<Problem> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What cannot work is told before the fork, all of it, with the option it is about.
    #[test]
    fn problems_are_told_before_the_fork() {
        let ordinary = Standing {
            effective: Capabilities::default(),
            permitted: Capabilities::default(),
            cores: vec![0, 2],
            nice: 0,
            lowest_nice: 20,
            oom_score_adj: Some(0),
        };
        let all = Capabilities::numbered(0..=40);
        let root = Standing { effective: all, permitted: all, ..ordinary.clone() };
        let check = |confinement: Confinement, standing: &Standing, expected: &[(&str, &str)]| {
            let problems = confinement.problems(standing);
            let fits = problems.len() == expected.len()
                && problems.iter().zip(expected).all(|((option, problem), (wanted, part))| {
                    option == wanted && problem.contains(part)
                });
            assert!(fits, "{problems:#?}, expected {expected:#?}");
        };
        let everything = Confinement {
            umask: Some(0o027),
            chroot: Some("/".into()),
            nice: Some(-5),
            oom_score_adj: Some(-100),
            affinity: Some(vec![0, 2]),
            rlimits: vec![(Resource::Core, Limit::Most(0))],
            no_new_privs: true,
            capabilities: Some(CapabilitySet::NET_BIND_SERVICE.into()),
            identity: Some(Identity::with_group_only("nogroup", 60_000.into())),
        };
        check(everything.clone(), &root, &[]);
        check(
            everything,
            &ordinary,
            &[
                ("group", "only root may run workers as `nogroup`"),
                ("chroot", "it takes CAP_SYS_CHROOT"),
                ("nice", "-5 is a higher priority than that of the master, 0"),
                ("oom_score_adj", "-100 is less than that of the master, 0"),
                ("capabilities", "the master does not have `net_bind_service` itself"),
            ],
        );
        // Of a system without the user: its name and ids are all that counts here.
        let stranger = r#"{"name":"stranger","uid":60001,"gid":60001,"groups":[60001]}"#;
        let stranger = Confinement::of(Some(serde_json::from_str(stranger).unwrap()));
        let signalling = Capabilities::from(CapabilitySet::KILL);
        let weak = Standing { effective: all.without(signalling), ..root.clone() };
        check(stranger.clone(), &root, &[]);
        check(stranger, &weak, &[("user", "the master could not stop workers of `stranger`")]);

        let limited = Standing { lowest_nice: -5, oom_score_adj: None, ..ordinary.clone() };
        let asked =
            |nice, oom_score_adj| Confinement { nice, oom_score_adj, ..Confinement::default() };
        check(asked(Some(-5), None), &limited, &[]);
        check(asked(Some(-6), Some(5)), &limited, &[("nice", "-6"), ("oom_score_adj", "`/proc`")]);
        check(asked(Some(0), Some(0)), &ordinary, &[]);

        let cores = |cores| Confinement { affinity: Some(cores), ..Confinement::default() };
        let problem = "may not use the cores [1, 3], only [0, 2]";
        check(cores(vec![0, 1, 3]), &root, &[("cpu_affinity", problem)]);
        check(cores(Vec::new()), &root, &[("cpu_affinity", "no core is given")]);

        let chroot =
            |path: &str| Confinement { chroot: Some(path.into()), ..Confinement::default() };
        check(chroot("/nowhere"), &root, &[("chroot", "`/nowhere` is no directory")]);
        check(chroot("/proc/self/exe"), &root, &[("chroot", "is no directory")]);

        let nofile = |limit| Confinement {
            rlimits: vec![(Resource::Nofile, limit), (Resource::Core, Limit::Most(0))],
            ..Confinement::default()
        };
        let over = [("rlimits.nofile", "which the kernel allows, got unlimited")];
        check(nofile(Limit::Unlimited), &root, &over);
        if let Limit::Most(hard) = Resource::Nofile.hard_limit()
            && Limit::Most(hard) < Resource::Nofile.ceiling()
        {
            let over = [("rlimits.nofile", "which takes CAP_SYS_RESOURCE")];
            check(nofile(Limit::Most(hard + 1)), &ordinary, &over);
            check(nofile(Limit::Most(hard + 1)), &root, &[]);
            check(nofile(Limit::Most(hard)), &ordinary, &[]);
        }
    }
}
