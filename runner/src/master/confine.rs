//! From the options of a server to what its workers are allowed and limited to.

use super::errors::Errors;
use crate::config::{Origin, ServerSettings, Sourced};
use crate::os::affinity;
use crate::os::capability::Capabilities;
use crate::os::privilege::{self, Identity};
use crate::os::rlimit::{Limit, Resource};
use crate::spec::{self, Capability, CpuAffinity};
use crate::worker::Confinement;

/// What a server's workers are allowed and limited to. What this process can tell to be impossible
/// is an error.
pub(super) fn confine(key: &str, config: &ServerSettings, errors: &mut Errors) -> Confinement {
    let mut confinement = Confinement {
        chroot: value(&config.chroot),
        nice: value(&config.nice),
        oom_score_adj: value(&config.oom_score_adj),
        affinity: config.cpu_affinity.as_ref().map(|cores| cores_of(&cores.value)),
        rlimits: limits(config),
        ..Confinement::of(find_identity(key, config, errors))
    };
    if let Some(no_new_privs) = &config.no_new_privs {
        confinement.no_new_privs = no_new_privs.value;
    }
    if let Some(kept) = &config.capabilities {
        let numbers = kept.value.iter().copied().map(Capability::number);
        confinement.capabilities = Some(Capabilities::numbered(numbers));
    }
    for (option, problem) in confinement.check() {
        let origin = config.origin(option).unwrap_or(&Origin::Default);
        errors.push(&format!("{key}.{option}"), problem, origin);
    }
    confinement
}

fn value<T: Clone>(option: &Option<Sourced<T>>) -> Option<T> {
    option.as_ref().map(|sourced| sourced.value.clone())
}

/// The cores that the slots take turns on.
fn cores_of(affinity: &CpuAffinity) -> Vec<usize> {
    match affinity {
        CpuAffinity::Auto => affinity::usable_cores().unwrap_or_default(),
        CpuAffinity::Cores(cores) => cores.clone(),
    }
}

fn limits(config: &ServerSettings) -> Vec<(Resource, Limit)> {
    let all = [
        (Resource::As, &config.rlimit_as),
        (Resource::Core, &config.rlimit_core),
        (Resource::Cpu, &config.rlimit_cpu),
        (Resource::Data, &config.rlimit_data),
        (Resource::Fsize, &config.rlimit_fsize),
        (Resource::Memlock, &config.rlimit_memlock),
        (Resource::Nofile, &config.rlimit_nofile),
        (Resource::Nproc, &config.rlimit_nproc),
        (Resource::Stack, &config.rlimit_stack),
    ];
    let given = all.into_iter().filter_map(|(resource, limit)| {
        let limit = match limit.as_ref()?.value {
            spec::Limit::At(most) => Limit::Most(most),
            spec::Limit::Unlimited => Limit::Unlimited,
        };
        Some((resource, limit))
    });
    given.collect()
}

/// Finds the user and group a server's workers run as.
fn find_identity(key: &str, config: &ServerSettings, errors: &mut Errors) -> Option<Identity> {
    let user = config.user.as_ref().and_then(|user| {
        errors.keep(&format!("{key}.user"), &user.origin, privilege::find_user(&user.value))
    });
    let group = config.group.as_ref().and_then(|group| {
        let found = privilege::find_group(&group.value);
        Some((&group.value, errors.keep(&format!("{key}.group"), &group.origin, found)?))
    });
    let Some(user) = user else {
        return group.map(|(name, gid)| Identity::with_group_only(name, gid));
    };
    let identity = user.identity(group.map(|(_, gid)| gid));
    errors.keep(&format!("{key}.user"), &config.user.as_ref()?.origin, identity)
}
