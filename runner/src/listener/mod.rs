//! The listening sockets: made by the master before privileges are dropped, one per server, address
//! and slot or one for all slots, and kept open by it across the death, restart and reload of any
//! worker. A connection in the queue of one is never lost with a worker.

mod error;
mod group;
mod hand_over;
mod socket;
mod steer;
#[cfg(test)]
mod tests;

pub(crate) use error::BindError;
pub(crate) use hand_over::Exported;
pub(crate) use socket::{Listener, address_of};

use crate::os::socket_file::{Access, SocketFile};
use crate::spec::{Accept, Address, Bind};
use group::Group;
use socket::queued;
use socket2::Socket;
use std::io;
use std::time::{Duration, Instant};

/// How long to wait for an address that is taken. The workers of a master that was killed give
/// theirs up once they have noticed, and a new start right after it must not fail because of that.
const TAKEN_PATIENCE: Duration = Duration::from_secs(1);

/// The same for one who supervises meanwhile: the workers that had the address until now have been
/// told to drain, with which they give it up.
const GOING_PATIENCE: Duration = Duration::from_millis(200);

/// What one server listens on.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) binds: Vec<Bind>,
    pub(crate) slots: u32,
    pub(crate) options: Options,
}

/// How it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) backlog: u32,
    /// Whether a connection is of interest only once the client has sent something.
    pub(crate) client_speaks_first: bool,
    /// How TCP addresses are shared; all others are shared by one socket.
    pub(crate) accept: Accept,
    pub(crate) v6only: bool,
    /// Who may connect to unix sockets with a file.
    pub(crate) access: Access,
}

/// The sockets of one server.
///
/// Those of an address stay open until it is [removed](Self::remove): a slot that is not needed any
/// more is steered away from and waits, with its sockets, until it is. Dropping this only closes
/// them, so that a child may; [`remove_files`](Self::remove_files) is for the master.
#[derive(Debug)]
pub(crate) struct Listeners {
    options: Options,
    groups: Vec<Group>,
    /// Those of the groups.
    addresses: Vec<Address>,
    slots: u32,
    /// The slots that new connections go to.
    steered: Vec<u32>,
}

impl Listeners {
    /// Binds every address for every slot, or says of each that failed why.
    pub(crate) fn bind(request: &Request) -> Result<Self, Vec<BindError>> {
        let mut listeners = Self {
            options: request.options.clone(),
            groups: Vec::new(),
            addresses: Vec::new(),
            slots: request.slots,
            steered: (0..request.slots).collect(),
        };
        listeners.open_all(&request.binds, Instant::now() + TAKEN_PATIENCE)?;
        Ok(listeners)
    }

    /// Binds more addresses for every slot: all, or none of them. Of each that failed the error
    /// says why.
    pub(crate) fn add(&mut self, binds: &[Bind]) -> Result<(), Vec<BindError>> {
        self.open_all(binds, Instant::now() + GOING_PATIENCE)
    }

    fn open_all(&mut self, binds: &[Bind], deadline: Instant) -> Result<(), Vec<BindError>> {
        let mut added = Vec::new();
        let mut errors = Vec::new();
        for bind in binds {
            match self.open(bind, deadline) {
                Ok(groups) => added.extend(groups),
                Err(error) => errors.push(BindError::new(bind, error)),
            }
        }
        if errors.is_empty() {
            self.groups.extend(added);
            self.update_addresses();
            Ok(())
        } else {
            remove_files_of(&added);
            Err(errors)
        }
    }

    /// Closes the sockets of these addresses; a worker that has one keeps it. What was inherited
    /// is not to be had again.
    pub(crate) fn remove(&mut self, binds: &[Bind]) {
        let removed = self.matching(binds, true);
        let mut all = std::mem::take(&mut self.groups).into_iter().enumerate();
        let (removed, kept): (Vec<_>, Vec<_>) =
            all.by_ref().partition(|(index, _)| removed.contains(index));
        self.groups = kept.into_iter().map(|(_, group)| group).collect();
        let removed: Vec<_> = removed.into_iter().map(|(_, group)| group).collect();
        remove_files_of(&removed);
        self.update_addresses();
    }

    /// Applies other options to the addresses that are there, as far as they can be changed, and
    /// to those that are yet to come.
    pub(crate) fn configure(&mut self, options: Options) -> io::Result<()> {
        self.options = options;
        self.groups.iter().try_for_each(|group| group.configure(&self.options))
    }

    /// Makes sure that there are at least so many slots. No connection goes to a new one before it
    /// is steered there.
    ///
    /// After an error there are the slots that could be completed.
    pub(crate) fn grow(&mut self, slots: u32) -> io::Result<()> {
        if slots <= self.slots {
            return Ok(());
        }
        self.pin()?;
        for _ in self.slots..slots {
            // If one of these fails, those that go are the last of their groups, and no socket
            // takes the index of another.
            let sockets = self.groups.iter().map(|group| group.another(&self.options));
            let sockets: Vec<_> = sockets.collect::<io::Result<_>>()?;
            for (group, socket) in self.groups.iter_mut().zip(sockets) {
                if let Some(socket) = socket {
                    group.push(socket);
                }
            }
            self.slots += 1;
        }
        Ok(())
    }

    /// The sockets of a slot for these addresses, in the order in which they were bound; for the
    /// worker in that slot. All others are closed.
    pub(crate) fn take(self, slot: u32, binds: &[Bind]) -> Vec<Listener> {
        let wanted = self.matching(binds, false);
        let groups = self.groups.into_iter().enumerate();
        let groups = groups.filter(|(index, _)| wanted.contains(index));
        groups.filter_map(|(_, group)| group.into_listener(slot)).collect()
    }

    /// Removes the files of unix sockets, if they are still those of ours: the last thing that is
    /// done with them.
    pub(crate) fn remove_files(&self) {
        remove_files_of(&self.groups);
    }

    /// Which of these are not bound. Each stands for one address: of two that are the same, one
    /// may be missing.
    pub(crate) fn missing(&self, binds: &[Bind]) -> Vec<Bind> {
        let mut there: Vec<_> = self.groups.iter().map(|group| &group.bind).collect();
        let mut missing = binds.to_vec();
        missing.retain(|bind| match there.iter().position(|it| *it == bind) {
            Some(index) => {
                there.swap_remove(index);
                false
            }
            None => true,
        });
        missing
    }

    /// How it listens.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// What was bound, as it was asked for.
    pub(crate) fn binds(&self) -> Vec<Bind> {
        let mut binds: Vec<Bind> = Vec::new();
        for Group { bind, .. } in &self.groups {
            // One of these may be several sockets.
            if !matches!(bind, Bind::Systemd(_)) || !binds.contains(bind) {
                binds.push(bind.clone());
            }
        }
        binds
    }

    /// What is listened on, with the real port where 0 was asked for.
    pub(crate) fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// How many slots there are, whether connections go there or not.
    pub(crate) fn slots(&self) -> u32 {
        self.slots
    }

    /// The sockets that only one slot has. One is readable while a connection waits there, so that
    /// whoever watches a slot without a worker has no need to ask again and again.
    pub(crate) fn sockets(&self, slot: u32) -> impl Iterator<Item = &Socket> {
        self.groups.iter().filter_map(move |group| group.of_slot(slot))
    }

    /// How many connections wait in one slot to be accepted, on all addresses.
    #[cfg(test)]
    pub(super) fn queued(&self, slot: u32) -> io::Result<u32> {
        self.sockets(slot).map(queued).sum()
    }

    /// How many connections wait to be accepted.
    pub(crate) fn total_queued(&self) -> io::Result<u32> {
        self.groups.iter().flat_map(Group::sockets).map(queued).sum()
    }

    fn open(&self, bind: &Bind, deadline: Instant) -> io::Result<Vec<Group>> {
        let groups = Group::open(bind, &self.options, self.slots, deadline)?;
        if self.steered.len() != self.slots as usize {
            for group in &groups {
                self.pin_group(group)?;
            }
        }
        Ok(groups)
    }

    /// The groups of these, by their indices. Each stands for one address, the first that is left
    /// or the last, and for all sockets of a service manager.
    fn matching(&self, binds: &[Bind], from_the_end: bool) -> Vec<usize> {
        let mut left = binds.to_vec();
        let mut indices: Vec<_> = (0..self.groups.len()).collect();
        if from_the_end {
            indices.reverse();
        }
        indices.retain(|index| {
            let bind = &self.groups[*index].bind;
            let Some(at) = left.iter().position(|it| it == bind) else {
                return false;
            };
            if !matches!(bind, Bind::Systemd(_)) {
                left.swap_remove(at);
            }
            true
        });
        indices
    }

    fn update_addresses(&mut self) {
        self.addresses = self.groups.iter().map(|group| group.address.clone()).collect();
    }
}

fn remove_files_of(groups: &[Group]) {
    groups.iter().filter_map(|group| group.file.as_ref()).for_each(SocketFile::remove);
}
