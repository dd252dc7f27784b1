//! Numbers of workers.

use super::number::{integer, within};
use super::{Context, OptionValue, Raw, toml_string, unexpected};
use crate::spec::{Share, Workers};

/// How many workers a server begins with, and how many it may come to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WorkerCount {
    pub(crate) min: u32,
    pub(crate) max: u32,
}

impl WorkerCount {
    const MIN: u32 = 1;
    const MAX: u32 = 1024;
    const EXPECTED: &'static str = "a whole number, `auto` or a range such as \"4..=16\"";

    fn fixed(count: u32) -> Self {
        Self { min: count, max: count }
    }

    /// How many workers the start of the program makes.
    pub(crate) fn initial(self) -> u32 {
        self.min
    }

    /// How many workers it may be told to have while it runs: any number, unless there is a range.
    pub(crate) fn bounds(self) -> (u32, u32) {
        if self.is_elastic() { (self.min, self.max) } else { (Self::MIN, Self::MAX) }
    }

    /// Whether the load decides how many there are.
    pub(crate) fn is_elastic(self) -> bool {
        self.min < self.max
    }
}

impl OptionValue for WorkerCount {
    type Declared = Workers;
    type Value = Self;

    fn parse(raw: &Raw) -> Result<Workers, String> {
        if let Raw::Text(text) | Raw::String(text) = raw {
            if text == "auto" {
                return Ok(Workers::Auto);
            }
            if let Some((min, max)) = text.split_once("..=") {
                let bound = |text: &str| text.trim().parse::<u32>().ok();
                return match (bound(min), bound(max)) {
                    (Some(min), Some(max)) => Ok(Workers::Range { min, max }),
                    _ => Err(unexpected(Self::EXPECTED, raw)),
                };
            }
        }
        let count = integer(raw).ok_or_else(|| unexpected(Self::EXPECTED, raw))?;
        within(count, Self::MIN.into(), Self::MAX.into())?;
        u32::try_from(count).map(Workers::Fixed).map_err(|_| unexpected(Self::EXPECTED, raw))
    }

    fn validate(workers: Workers, context: &Context) -> Result<Self, String> {
        let valid = |count: u32| within(count.into(), Self::MIN.into(), Self::MAX.into());
        match workers {
            Workers::Fixed(count) => valid(count).map(|()| Self::fixed(count)),
            Workers::Auto => {
                let cores = u32::try_from(context.cores).unwrap_or(Self::MAX);
                Ok(Self::fixed(cores.clamp(Self::MIN, Self::MAX)))
            }
            Workers::Range { min, max } if max < min => Err(format!(
                "the range {min}..={max} ends before it begins; write \"{max}..={min}\""
            )),
            Workers::Range { min, max } => {
                valid(min)?;
                valid(max)?;
                Ok(Self { min, max })
            }
        }
    }

    fn render(count: &Self) -> String {
        if count.is_elastic() {
            toml_string(&format!("{}..={}", count.min, count.max))
        } else {
            count.initial().to_string()
        }
    }
}

impl OptionValue for Share {
    type Declared = Self;
    type Value = Self;

    fn parse(raw: &Raw) -> Result<Self, String> {
        let expected = "a whole number or a percentage such as \"25%\"";
        let share = match raw {
            Raw::Text(text) | Raw::String(text) if text.ends_with('%') => {
                text.trim_end_matches('%').trim_end().parse().ok().map(Self::Percent)
            }
            _ => integer(raw).and_then(|count| count.try_into().ok()).map(Self::Count),
        };
        share.ok_or_else(|| unexpected(expected, raw))
    }

    fn validate(share: Self, _: &Context) -> Result<Self, String> {
        match share {
            Self::Count(count) => within(count.into(), 0, WorkerCount::MAX.into())?,
            Self::Percent(percent) if 100 < percent => {
                return Err(format!("expected at most 100%, got {percent}%"));
            }
            Self::Percent(_) => {}
        }
        Ok(share)
    }

    fn render(share: &Self) -> String {
        match share {
            Self::Count(count) => count.to_string(),
            Self::Percent(_) => toml_string(&share.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<V: OptionValue>(text: &str) -> Option<V::Declared> {
        V::parse(&Raw::Text(text.to_owned())).ok()
    }

    #[test]
    fn numbers_of_workers() {
        for (text, expected) in [
            ("4", Some(Workers::Fixed(4))),
            ("auto", Some(Workers::Auto)),
            ("4..=16", Some(Workers::Range { min: 4, max: 16 })),
            ("4 ..= 16", Some(Workers::Range { min: 4, max: 16 })),
            ("4..16", None),
            ("4..=", None),
            ("..=16", None),
            ("-1..=16", None),
            ("4..=16..=32", None),
            ("Auto", None),
        ] {
            assert_eq!(parse::<WorkerCount>(text), expected, "{text}");
        }
    }

    #[test]
    fn only_a_range_is_elastic() {
        let context = Context { directory: "/".into(), program: "demo".to_owned(), cores: 2000 };
        for (workers, initial, elastic) in [
            (Workers::Fixed(4), 4, false),
            (Workers::Auto, 1024, false),
            (Workers::Range { min: 4, max: 16 }, 4, true),
            (Workers::Range { min: 4, max: 4 }, 4, false),
        ] {
            let count = WorkerCount::validate(workers, &context).expect("valid");
            assert_eq!((count.initial(), count.is_elastic()), (initial, elastic), "{workers:?}");
        }
    }

    #[test]
    fn shares() {
        for (text, expected) in [
            ("0", Some(Share::Count(0))),
            ("3", Some(Share::Count(3))),
            ("25%", Some(Share::Percent(25))),
            ("25 %", Some(Share::Percent(25))),
            ("%", None),
            ("2.5%", None),
            ("-1", None),
            ("-5%", None),
            ("a quarter", None),
        ] {
            assert_eq!(parse::<Share>(text), expected, "{text}");
        }
    }
}
