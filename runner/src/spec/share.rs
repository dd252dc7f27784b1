//! How many workers may be replaced at once.

use std::fmt;

/// A part of a server's workers: a number of them, or a percentage.
///
/// ```
/// use runner::Share;
///
/// assert_eq!(Share::from(2), Share::Count(2));
/// assert_eq!(Share::Percent(25).rounded_up(10), 3);
/// assert_eq!(Share::Percent(25).rounded_down(10), 2);
/// assert_eq!(Share::Percent(25).to_string(), "25%");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Share {
    /// This many, however many there are.
    Count(u32),
    /// So many of a hundred: 0 to 100.
    Percent(u32),
}

impl Share {
    /// How many of `total` that is, at least: a share that is not zero is one or more.
    ///
    /// `max_surge` is rounded so: the least surge that is any keeps a replacement going.
    #[must_use]
    pub fn rounded_up(self, total: u32) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => {
                let hundredths = u64::from(percent) * u64::from(total);
                u32::try_from(hundredths.div_ceil(100)).unwrap_or(u32::MAX)
            }
        }
    }

    /// How many of `total` that is, at most.
    ///
    /// `max_unavailable` is rounded so: never are more workers missing than it says.
    #[must_use]
    pub fn rounded_down(self, total: u32) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => {
                let hundredths = u64::from(percent) * u64::from(total);
                u32::try_from(hundredths / 100).unwrap_or(u32::MAX)
            }
        }
    }

    /// How many workers more and how many fewer than `workers` there may be while some are
    /// replaced; nothing when both shares are zero and so nothing can be replaced.
    ///
    /// Without any surge, an unavailable share that is less than one worker is one: there is no
    /// other way to replace any.
    pub(crate) fn budget(surge: Self, unavailable: Self, workers: u32) -> Option<(u32, u32)> {
        if surge.is_zero() && unavailable.is_zero() {
            return None;
        }
        let more = surge.rounded_up(workers);
        let fewer = unavailable.rounded_down(workers);
        Some((more, if more == 0 { fewer.max(1) } else { fewer }))
    }

    fn is_zero(self) -> bool {
        matches!(self, Self::Count(0) | Self::Percent(0))
    }
}

impl From<u32> for Share {
    fn from(count: u32) -> Self {
        Self::Count(count)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Share::{self, Count, Percent};

    #[test]
    fn shares_are_rounded() {
        for (share, total, up, down) in [
            (Count(0), 10, 0, 0),
            (Count(3), 1, 3, 3),
            (Percent(0), 1024, 0, 0),
            (Percent(25), 1, 1, 0),
            (Percent(25), 4, 1, 1),
            (Percent(25), 5, 2, 1),
            (Percent(100), 7, 7, 7),
            (Percent(1), 0, 0, 0),
            (Percent(100), u32::MAX, u32::MAX, u32::MAX),
        ] {
            let actual = (share.rounded_up(total), share.rounded_down(total));
            assert_eq!(actual, (up, down), "{share} of {total}");
        }
    }

    #[test]
    fn a_budget_is_never_nothing() {
        for (surge, unavailable, workers, expected) in [
            (Percent(25), Count(0), 1, Some((1, 0))),
            (Percent(25), Count(0), 10, Some((3, 0))),
            (Count(0), Count(1), 10, Some((0, 1))),
            (Count(0), Percent(25), 10, Some((0, 2))),
            (Count(0), Percent(25), 2, Some((0, 1))),
            (Count(2), Percent(50), 4, Some((2, 2))),
            (Count(0), Count(0), 10, None),
            (Percent(0), Percent(0), 10, None),
            (Count(0), Percent(0), 10, None),
        ] {
            let actual = Share::budget(surge, unavailable, workers);
            assert_eq!(actual, expected, "{surge} {unavailable} {workers}");
        }
    }
}
