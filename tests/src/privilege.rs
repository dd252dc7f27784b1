//! What a process may take back.

use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};

/// Which ids of root the calling process can take, `regained: uid gid groups` at most. It keeps
/// those that it got.
#[must_use]
pub fn regain() -> String {
    let (user, group) = (Uid::from_raw(0), Gid::from_raw(0));
    let attempts = [
        ("uid", setresuid(user, user, user)),
        ("gid", setresgid(group, group, group)),
        ("groups", setgroups(&[group])),
    ];
    let taken = attempts.iter().filter(|(_, result)| result.is_ok());
    let names: Vec<_> = taken.map(|(name, _)| *name).collect();
    format!("regained: {}", names.join(" "))
}
