//! Listening sockets on their way to the next image of the master.

use super::group::{Group, Sockets};
use super::{Listeners, Options};
use crate::os::socket_file::SocketFile;
use crate::spec::Bind;
use serde::{Deserialize, Serialize};
use socket2::Socket;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A socket, and what has to be known of it; `F` is the socket itself, or its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exported<F> {
    /// What asked for it. Two may have the same, as `127.0.0.1:0` twice.
    pub(crate) bind: Bind,
    /// The how-manieth address of its server it belongs to.
    pub(crate) group: usize,
    /// None: all slots share it.
    pub(crate) slot: Option<u32>,
    /// Whether new connections go there, if it is that of a slot.
    pub(crate) steered: bool,
    pub(crate) file: Option<SocketFile>,
    pub(crate) socket: F,
}

impl<F> Exported<F> {
    /// The same with the socket in another form.
    pub(crate) fn try_map<T>(
        self,
        change: impl FnOnce(F) -> io::Result<T>,
    ) -> io::Result<Exported<T>> {
        let Self { bind, group, slot, steered, file, socket } = self;
        Ok(Exported { bind, group, slot, steered, file, socket: change(socket)? })
    }
}

impl Listeners {
    /// All sockets, in the order of their groups and slots.
    pub(crate) fn export(&self) -> Vec<Exported<BorrowedFd<'_>>> {
        let mut exported = Vec::new();
        for (index, group) in self.groups.iter().enumerate() {
            let is_shared = matches!(group.sockets, Sockets::Shared(_));
            for (slot, socket) in (0..).zip(group.sockets()) {
                exported.push(Exported {
                    bind: group.bind.clone(),
                    group: index,
                    slot: (!is_shared).then_some(slot),
                    steered: !is_shared && self.steered.contains(&slot),
                    file: group.file.clone(),
                    socket: socket.as_fd(),
                });
            }
        }
        exported
    }

    /// Makes the sockets of an earlier image those of this one, all of them, and applies the
    /// options to them. They stay what they are: the same sockets, each in its place.
    ///
    /// Which of the wanted addresses are still to be bound, [`missing`](Self::missing) tells, and
    /// [`grow`](Self::grow) sees to it that there are enough slots; `slots` is how many there were.
    pub(crate) fn adopt(
        options: Options,
        slots: u32,
        exported: Vec<Exported<OwnedFd>>,
    ) -> io::Result<Self> {
        let mut steered: Vec<_> =
            exported.iter().filter(|it| it.steered).filter_map(|it| it.slot).collect();
        steered.sort_unstable();
        steered.dedup();
        let mut by_group: BTreeMap<usize, Vec<_>> = BTreeMap::new();
        for one in exported {
            by_group.entry(one.group).or_default().push(one);
        }
        let groups = by_group.into_values().map(|sockets| adopt_group(sockets, &options));
        let groups: Vec<_> = groups.collect::<io::Result<_>>()?;
        let mut counts = groups.iter().filter_map(|group| match &group.sockets {
            Sockets::Slots(sockets) => Some(sockets.len() as u32),
            Sockets::Shared(_) => None,
        });
        if counts.any(|count| count != slots) {
            return Err(invalid("not every address has a socket for each slot"));
        }
        let mut listeners = Self { options, groups, addresses: Vec::new(), slots, steered };
        listeners.update_addresses();
        Ok(listeners)
    }
}

fn adopt_group(mut members: Vec<Exported<OwnedFd>>, options: &Options) -> io::Result<Group> {
    members.sort_by_key(|member| member.slot);
    let slots: Vec<_> = members.iter().map(|member| member.slot).collect();
    let Some(first) = members.first() else {
        return Err(invalid("an address without sockets"));
    };
    let (bind, file) = (first.bind.clone(), first.file.clone());
    let mut sockets = members.into_iter().map(|member| Socket::from(member.socket));
    let sockets = if slots == [None] {
        sockets.next().map(Sockets::Shared)
    } else if slots.iter().copied().eq((0..).map(Some).take(slots.len())) {
        Some(Sockets::Slots(sockets.collect()))
    } else {
        None
    };
    let sockets = sockets.ok_or_else(|| invalid("an address without the sockets of some slots"))?;
    Group::new(bind, sockets, file, options)
}

fn invalid(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}
