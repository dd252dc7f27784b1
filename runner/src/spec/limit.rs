//! Limits of resources.

/// What a worker may use of a resource, see getrlimit(2): the soft and the hard limit at once.
///
/// ```
/// use runner::Limit;
///
/// assert_eq!(Limit::from(65_536), Limit::At(65_536));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// This much: a number, bytes or seconds.
    At(u64),
    /// As much as there is.
    Unlimited,
}

impl From<u64> for Limit {
    fn from(limit: u64) -> Self {
        Self::At(limit)
    }
}
