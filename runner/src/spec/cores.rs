//! The cores that workers run on.

/// The cores that the workers of a server are bound to.
///
/// ```
/// use runner::CpuAffinity;
///
/// assert_eq!(CpuAffinity::from([0, 1]), CpuAffinity::Cores(vec![0, 1]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CpuAffinity {
    /// One core for each slot, in turn, of those that the master may use.
    Auto,
    /// One core for each slot, in turn, of these; they count from 0.
    Cores(Vec<usize>),
}

impl From<Vec<usize>> for CpuAffinity {
    fn from(cores: Vec<usize>) -> Self {
        Self::Cores(cores)
    }
}

impl<const N: usize> From<[usize; N]> for CpuAffinity {
    fn from(cores: [usize; N]) -> Self {
        Self::Cores(cores.to_vec())
    }
}
