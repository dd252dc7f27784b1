//! The open connections of a worker.

use super::worker::Connection;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The table of a worker's connections, by number.
pub(crate) struct Connections<C>(Mutex<HashMap<u64, C>>);

impl<C: Connection> Connections<C> {
    pub(crate) fn insert(&self, connection: &C) {
        self.lock().insert(connection.client().id, connection.clone());
    }

    pub(crate) fn remove(&self, connection: &C) {
        self.lock().remove(&connection.client().id);
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// A copy, so that closing connections while walking over them skips none.
    pub(crate) fn list(&self) -> Vec<C> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, C>> {
        // Nothing panics while it is held, and a table is whole between two calls anyway.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Default for Connections<C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}
