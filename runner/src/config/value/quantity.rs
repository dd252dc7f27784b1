//! Numbers with a unit: durations and sizes.

use super::{Context, OptionValue, Raw, toml_string, unexpected};
use std::time::Duration;

const MILLISECONDS: &[(&str, u64)] = &[("ms", 1), ("s", 1000), ("m", 60_000), ("h", HOUR)];

const BYTES: &[(&str, u64)] = &[
    ("B", 1),
    ("", 1),
    ("kB", 1000),
    ("KB", 1000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

/// The units that sizes are shown in.
const BINARY: &[(&str, u64)] = &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// A duration in milliseconds, from `MIN` to `MAX`: a millisecond to a day.
pub(crate) struct Time<const MIN: u64 = 1, const MAX: u64 = { 24 * HOUR }>;

/// An hour, as [`Time`] counts.
pub(crate) const HOUR: u64 = 3_600_000;

impl<const MIN: u64, const MAX: u64> Time<MIN, MAX> {
    const MIN: Duration = Duration::from_millis(MIN);
    const MAX: Duration = Duration::from_millis(MAX);
    const EXPECTED: &'static str = "a duration with its unit (ms, s, m, h) such as \"30s\"";
}

impl<const MIN: u64, const MAX: u64> OptionValue for Time<MIN, MAX> {
    type Declared = Duration;
    type Value = Duration;

    fn parse(raw: &Raw) -> Result<Duration, String> {
        let (Raw::Text(text) | Raw::String(text)) = raw else {
            return Err(unexpected(Self::EXPECTED, raw));
        };
        quantity(text, MILLISECONDS)
            .map(Duration::from_millis)
            .ok_or_else(|| unexpected(Self::EXPECTED, raw))
    }

    fn validate(time: Duration, _: &Context) -> Result<Duration, String> {
        if time < Self::MIN {
            Err(format!("expected at least {}, got {time:?}", written_time(Self::MIN)))
        } else if Self::MAX < time {
            let (max, got) = (written_time(Self::MAX), written_time(time));
            Err(format!("expected at most {max}, got {got}"))
        } else {
            Ok(time)
        }
    }

    fn render(time: &Duration) -> String {
        toml_string(&written_time(*time))
    }
}

/// A size in bytes, from `MIN` to `MAX`.
pub(crate) struct Size<const MIN: u64, const MAX: u64>;

impl<const MIN: u64, const MAX: u64> Size<MIN, MAX> {
    const EXPECTED: &'static str = "a size such as \"64KiB\" or a number of bytes";
}

impl<const MIN: u64, const MAX: u64> OptionValue for Size<MIN, MAX> {
    type Declared = u64;
    type Value = u64;

    fn parse(raw: &Raw) -> Result<u64, String> {
        let bytes = match raw {
            Raw::Text(text) | Raw::String(text) => quantity(text, BYTES),
            Raw::Integer { value, .. } => u64::try_from(*value).ok(),
            _ => None,
        };
        bytes.ok_or_else(|| unexpected(Self::EXPECTED, raw))
    }

    fn validate(bytes: u64, _: &Context) -> Result<u64, String> {
        if bytes < MIN {
            let (min, got) = (written_size(MIN), written_size(bytes));
            Err(format!("expected at least {min}, got {got}"))
        } else if MAX < bytes {
            let (max, got) = (written_size(MAX), written_size(bytes));
            Err(format!("expected at most {max}, got {got}"))
        } else {
            Ok(bytes)
        }
    }

    fn render(bytes: &u64) -> String {
        toml_string(&written_size(*bytes))
    }
}

/// `30s` in the smallest of `units`: a whole number and its unit.
fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let unit = unit.trim_start();
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn written_time(time: Duration) -> String {
    let milliseconds = time.as_millis();
    if milliseconds == 0 {
        return "0s".to_owned();
    }
    let unit = MILLISECONDS.iter().rev().find(|(name, factor)| {
        // One minute is usually written as 60s.
        let least = u128::from(*factor) * if *name == "m" { 2 } else { 1 };
        least <= milliseconds && milliseconds.is_multiple_of((*factor).into())
    });
    let (unit, factor) = unit.unwrap_or(&MILLISECONDS[0]);
    format!("{}{unit}", milliseconds / u128::from(*factor))
}

fn written_size(bytes: u64) -> String {
    let unit = BINARY.iter().find(|(_, factor)| *factor <= bytes && bytes.is_multiple_of(*factor));
    let (unit, factor) = unit.unwrap_or(&BYTES[0]);
    format!("{}{unit}", bytes / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<V: OptionValue<Declared = D>, D: PartialEq + std::fmt::Debug>(
        cases: &[(&str, Option<D>)],
    ) {
        for (text, expected) in cases {
            let actual = V::parse(&Raw::Text((*text).to_owned()));
            assert_eq!(actual.as_ref().ok(), expected.as_ref(), "{text}");
        }
    }

    #[test]
    fn durations() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        check::<Time, _>(&[
            ("500ms", Some(Duration::from_millis(500))),
            ("30s", seconds(30)),
            ("30 s", seconds(30)),
            ("2m", seconds(120)),
            ("1h", seconds(3600)),
            ("30", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("30S", None),
            ("30sec", None),
            ("", None),
            ("18446744073709551615h", None),
            ("99999999999999999999s", None),
        ]);
    }

    #[test]
    fn sizes() {
        check::<Size<0, 0>, _>(&[
            ("0", Some(0)),
            ("4096", Some(4096)),
            ("512B", Some(512)),
            ("64KiB", Some(65_536)),
            ("64kB", Some(64_000)),
            ("1MiB", Some(1 << 20)),
            ("10MB", Some(10_000_000)),
            ("1GiB", Some(1 << 30)),
            ("64kib", None),
            ("1.5MiB", None),
            ("-1", None),
            ("", None),
            ("18446744073709551615KiB", None),
        ]);
    }

    #[test]
    fn quantities_are_written_in_the_largest_unit_that_fits() {
        for (milliseconds, text) in [
            (0, "0s"),
            (500, "500ms"),
            (1500, "1500ms"),
            (30_000, "30s"),
            (60_000, "60s"),
            (90_000, "90s"),
            (120_000, "2m"),
            (86_400_000, "24h"),
        ] {
            assert_eq!(written_time(Duration::from_millis(milliseconds)), text);
        }
        for (bytes, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1KiB"),
            (1025, "1025B"),
            (64 << 20, "64MiB"),
            (1 << 30, "1GiB"),
        ] {
            assert_eq!(written_size(bytes), text);
        }
    }
}
