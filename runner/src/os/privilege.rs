//! Becoming another user for good.

use super::capability::{Capabilities, CapabilitySet};
use nix::unistd::{
    Gid, Group, Uid, User, getgrouplist, getgroups, getresgid, getresuid, setgroups, setresgid,
    setresuid, setuid,
};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::{no_new_privs, set_no_new_privs};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ffi::CString;
use std::io;

/// A user of this system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    name: CString,
    uid: Uid,
    gid: Gid,
}

/// A user and its groups, or only a group, that a worker runs as.
///
/// All of it is looked up before the first fork: a worker may be in a directory without the files
/// that say who is in which group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// What the configuration calls it, the user or else the group.
    name: String,
    /// None: the user stays.
    uid: Option<u32>,
    gid: u32,
    /// The supplementary groups, exactly.
    groups: BTreeSet<u32>,
}

/// Finds the user: its uid, its primary group, or why there is none.
pub(crate) fn find_user(name: &str) -> Result<Account, String> {
    let user = User::from_name(name)
        .map_err(|error| format!("cannot look up user `{name}`: {error}"))?
        .ok_or_else(|| format!("there is no user `{name}` on this system"))?;
    let name = CString::new(user.name).map_err(|_| "the name holds a NUL byte".to_owned())?;
    Ok(Account { name, uid: user.uid, gid: user.gid })
}

/// Finds the group, or says why there is none.
pub(crate) fn find_group(name: &str) -> Result<Gid, String> {
    let group = Group::from_name(name)
        .map_err(|error| format!("cannot look up group `{name}`: {error}"))?
        .ok_or_else(|| format!("there is no group `{name}` on this system"))?;
    Ok(group.gid)
}

/// The uid of a user, by name or number as chown(1) takes them.
pub(crate) fn find_uid(user: &str) -> Result<u32, String> {
    number_or(user, find_user(user).map(|account| account.uid.as_raw()))
}

/// The gid of a group, by name or number.
pub(crate) fn find_gid(group: &str) -> Result<u32, String> {
    number_or(group, find_group(group).map(Gid::as_raw))
}

/// The largest number is none: it leaves everything as it is (chown(2)).
fn number_or(text: &str, found: Result<u32, String>) -> Result<u32, String> {
    found.or_else(|error| text.parse().ok().filter(|id| *id != u32::MAX).ok_or(error))
}

impl Account {
    /// Itself, with its own primary group or another one, and the groups it is a member of.
    pub(crate) fn identity(&self, group: Option<Gid>) -> Result<Identity, String> {
        let gid = group.unwrap_or(self.gid);
        let name = self.name.to_string_lossy().into_owned();
        let groups = getgrouplist(&self.name, gid)
            .map_err(|error| format!("cannot look up the groups of `{name}`: {error}"))?;
        let groups = groups.into_iter().map(Gid::as_raw).collect();
        Ok(Identity { name, uid: Some(self.uid.as_raw()), gid: gid.as_raw(), groups })
    }
}

impl Identity {
    /// The user that the process runs as, with another group.
    pub(crate) fn with_group_only(name: &str, gid: Gid) -> Self {
        let groups = BTreeSet::from([gid.as_raw()]);
        Self { name: name.to_owned(), uid: None, gid: gid.as_raw(), groups }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The option that it comes from.
    pub(crate) fn option(&self) -> &'static str {
        if self.uid.is_some() { "user" } else { "group" }
    }

    /// Whether it is a user other than root.
    pub(crate) fn is_ordinary_user(&self) -> bool {
        self.uid.is_some_and(|uid| uid != 0)
    }

    /// Whether this process takes a capability to signal a process that has become it (kill(2)).
    pub(crate) fn is_out_of_reach(&self) -> bool {
        self.uid.is_some_and(|uid| uid != Uid::effective().as_raw())
    }

    /// Whether a process with these capabilities may become it: root may become anybody, others
    /// only what they are.
    pub(crate) fn is_permitted(&self, capabilities: Capabilities) -> bool {
        let user = self.uid.is_none() || capabilities.has(CapabilitySet::SETUID);
        let everybody = user && capabilities.has(CapabilitySet::SETGID);
        everybody || self.has_all_ids().unwrap_or(false)
    }

    /// Becomes it for good: groups, then group, then user. A process that may not change its
    /// groups and has all the ids already stays what it is.
    pub(crate) fn assume(&self) -> io::Result<()> {
        let may_change = Capabilities::effective()?.has(CapabilitySet::SETGID);
        if !may_change && self.has_all_ids()? {
            return Ok(());
        }
        let groups: Vec<Gid> = self.groups.iter().copied().map(Gid::from_raw).collect();
        setgroups(&groups)?;
        let gid = Gid::from_raw(self.gid);
        setresgid(gid, gid, gid)?;
        if let Some(uid) = self.uid.map(Uid::from_raw) {
            setresuid(uid, uid, uid)?;
        }
        if self.has_exact_groups()? {
            Ok(())
        } else {
            Err(io::Error::other("the kernel did not give up the old groups"))
        }
    }

    /// Fails unless every id is the wanted one and those of root are out of reach. To be called
    /// when the capabilities have their final state: with some of them root comes back.
    pub(crate) fn verify(&self) -> io::Result<()> {
        if !self.has_all_ids()? {
            return Err(io::Error::other("the kernel did not give up the old user and group"));
        }
        let root = (Uid::from_raw(0), Gid::from_raw(0));
        #[expect(clippy::disallowed_methods, reason = "the attempt has to fail")]
        let regained = self.is_ordinary_user()
            && (setresuid(root.0, root.0, root.0).is_ok()
                || setuid(root.0).is_ok()
                || self.gid != 0 && setresgid(root.1, root.1, root.1).is_ok());
        if regained {
            return Err(io::Error::other("the worker could become root again"));
        }
        Ok(())
    }

    /// Whether the real, the effective and the saved ids are the wanted ones.
    fn has_all_ids(&self) -> io::Result<bool> {
        let group = getresgid()?;
        let user = getresuid()?;
        let is_wanted = |uid: Uid| self.uid.is_none_or(|wanted| uid.as_raw() == wanted);
        Ok([group.real, group.effective, group.saved].iter().all(|gid| gid.as_raw() == self.gid)
            && [user.real, user.effective, user.saved].into_iter().all(is_wanted))
    }

    fn has_exact_groups(&self) -> io::Result<bool> {
        let held: BTreeSet<u32> = getgroups()?.into_iter().map(Gid::as_raw).collect();
        Ok(held == self.groups)
    }
}

/// From now on no program that this process runs has more rights than the process itself: set-user
/// bits and capabilities of files have no effect. There is no way back.
pub(crate) fn forbid_new_privileges() -> io::Result<()> {
    set_no_new_privs(true)?;
    if no_new_privs()? { Ok(()) } else { Err(io::Error::other("the kernel did not take it")) }
}

/// Lets the kernel dump the memory of this process again, which it does not after a change of user
/// (PR_SET_DUMPABLE of prctl(2)). Processes of the same user may then read that memory as well.
pub(crate) fn allow_core_dumps() -> io::Result<()> {
    Ok(set_dumpable_behavior(DumpableBehavior::Dumpable)?)
}

#[cfg(test)]
mod tests {
    use super::super::capability;
    use super::super::process::{Child, Exit};
    use super::*;
    use nix::unistd::{ForkResult, fork};
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    use std::os::fd::AsFd;

    /// Whether a process that becomes `nobody` and keeps these capabilities passes the look at it.
    fn passes(kept: Capabilities) -> bool {
        let nobody = find_user("nobody").unwrap().identity(None).unwrap();
        let change = || {
            capability::survive_user_change()?;
            nobody.assume()?;
            kept.hold()?;
            nobody.verify()
        };
        // SAFETY: the child makes system calls, allocates at most, which the C library allows after
        // a fork beside threads, and ends without running anything else of this program.
        let child = match unsafe { fork() }.unwrap() {
            ForkResult::Parent { child } => Child::adopt(child).unwrap(),
            // SAFETY: it ends this process, which nobody else uses.
            ForkResult::Child => unsafe { libc::_exit(change().is_err().into()) },
        };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::PidFd(child.as_fd()), options).unwrap();
        child.try_wait().unwrap() == Some(Exit::Code(0))
    }

    /// A capability that leads back to root is found by trying it, whatever was checked before (P53).
    #[test]
    fn the_way_back_to_root_is_tried() {
        if !Uid::effective().is_root() {
            println!("skipped: this takes root");
            return;
        }
        assert!(passes(Capabilities::default()));
        assert!(passes(CapabilitySet::NET_BIND_SERVICE.into()));
        assert!(!passes(CapabilitySet::SETUID.into()));
        assert!(!passes(CapabilitySet::SETGID.into()));
    }
}
