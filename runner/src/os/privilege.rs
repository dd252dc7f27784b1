//! Becoming another user for good.

use nix::unistd::{
    Gid, Group, Uid, User, getgrouplist, getgroups, getresgid, getresuid, initgroups, setgroups,
    setresgid, setresuid, setuid,
};
use std::ffi::CString;
use std::io;

/// A user and a group that a worker runs as, looked up before anything is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    user: Option<(CString, Uid)>,
    gid: Gid,
}

/// Finds the user: its uid, its primary group, or why there is none.
pub(crate) fn find_user(name: &str) -> Result<Identity, String> {
    let user = User::from_name(name)
        .map_err(|error| format!("cannot look up user `{name}`: {error}"))?
        .ok_or_else(|| format!("there is no user `{name}` on this system"))?;
    let name = CString::new(user.name).map_err(|_| "the name holds a NUL byte".to_owned())?;
    Ok(Identity { user: Some((name, user.uid)), gid: user.gid })
}

/// Finds the group, or says why there is none.
pub(crate) fn find_group(name: &str) -> Result<Gid, String> {
    let group = Group::from_name(name)
        .map_err(|error| format!("cannot look up group `{name}`: {error}"))?
        .ok_or_else(|| format!("there is no group `{name}` on this system"))?;
    Ok(group.gid)
}

impl Identity {
    /// The user that the process runs as, with another group.
    pub(crate) fn with_group_only(gid: Gid) -> Self {
        Self { user: None, gid }
    }

    #[must_use]
    pub(crate) fn with_group(self, gid: Gid) -> Self {
        Self { gid, ..self }
    }

    /// Whether this process may become it: root may become anybody, others only what they are.
    pub(crate) fn is_permitted(&self) -> bool {
        Uid::effective().is_root() || self.is_current()
    }

    fn is_current(&self) -> bool {
        self.user.as_ref().is_none_or(|(_, uid)| *uid == Uid::effective())
            && self.gid == Gid::effective()
    }

    /// Becomes it for good: groups, then group, then user, then a look that it is so.
    pub(crate) fn assume(&self) -> io::Result<()> {
        if !Uid::effective().is_root() {
            return if self.is_current() { Ok(()) } else { Err(nix::errno::Errno::EPERM.into()) };
        }
        match &self.user {
            Some((name, _)) => initgroups(name, self.gid)?,
            None => setgroups(&[self.gid])?,
        }
        setresgid(self.gid, self.gid, self.gid)?;
        if let Some((_, uid)) = &self.user {
            setresuid(*uid, *uid, *uid)?;
        }
        self.verify()
    }

    /// Fails unless every id is the wanted one and root is out of reach.
    fn verify(&self) -> io::Result<()> {
        let group = getresgid()?;
        let mut held =
            [group.real, group.effective, group.saved].iter().all(|gid| *gid == self.gid);
        if let Some((name, uid)) = &self.user {
            let user = getresuid()?;
            held &= [user.real, user.effective, user.saved].iter().all(|held| held == uid);
            let mut wanted = getgrouplist(name, self.gid)?;
            let mut groups = getgroups()?;
            wanted.sort_by_key(|gid| gid.as_raw());
            wanted.dedup();
            groups.sort_by_key(|gid| gid.as_raw());
            groups.dedup();
            held &= groups == wanted;
            #[expect(clippy::disallowed_methods, reason = "the attempt has to fail")]
            let regained = !uid.is_root() && setuid(Uid::from_raw(0)).is_ok();
            held &= !regained;
        }
        if held {
            Ok(())
        } else {
            Err(io::Error::other("the kernel did not give up the old user and groups"))
        }
    }
}
