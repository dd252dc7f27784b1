//! How much a worker serves before it asks to be replaced.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Tells, once, that the worker has served enough. It serves on until somebody acts upon it.
pub(crate) struct Quota {
    most: u64,
    exceeded: AtomicBool,
    tell: Box<dyn Fn() + Send + Sync>,
}

impl Quota {
    /// Calls `tell` when the worker has served `most`.
    pub(crate) fn new(most: u64, tell: impl Fn() + Send + Sync + 'static) -> Self {
        Self { most, exceeded: AtomicBool::new(false), tell: Box::new(tell) }
    }

    /// Never tells.
    pub(crate) fn unlimited() -> Self {
        Self::new(u64::MAX, || {})
    }

    /// The worker has served `count` now.
    pub(super) fn served(&self, count: u64) {
        if self.most <= count && !self.exceeded.swap(true, Relaxed) {
            (self.tell)();
        }
    }
}

impl fmt::Debug for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quota").field("most", &self.most).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn it_is_told_once_and_in_time() {
        let (tell, told) = channel();
        let quota = Quota::new(3, move || tell.send(()).unwrap());
        for (count, tells) in [(1, 0), (2, 0), (3, 1), (4, 0), (3, 0), (u64::MAX, 0)] {
            quota.served(count);
            assert_eq!(told.try_iter().count(), tells, "{count}");
        }
    }
}
