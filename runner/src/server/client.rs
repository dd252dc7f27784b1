//! Who is at the other end of a connection.

use super::worker::Worker;
use crate::spec::Address;
use std::fmt;
use std::time::Instant;

/// What a connection knows of itself from its first moment, whatever its protocol.
pub struct Client {
    pub(super) id: u64,
    pub(super) peer: Address,
    pub(super) local: Address,
    pub(super) worker: Worker,
    pub(super) since: Instant,
}

impl Client {
    pub(super) fn new(worker: Worker, peer: Address, local: Address) -> Self {
        Self { id: worker.next_connection(), peer, local, worker, since: Instant::now() }
    }
}

/// What people may want to know of a connection in a log.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conn")
            .field("id", &self.id)
            .field("peer", &self.peer)
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}
