//! Whole numbers.

use super::{Context, OptionValue, Raw, toml_string, unexpected};
use crate::spec::Workers;
use std::marker::PhantomData;

/// A number of things, `MIN` to `MAX` of them.
pub(crate) struct Count<T, const MIN: u32, const MAX: u32>(PhantomData<T>);

impl<T, const MIN: u32, const MAX: u32> OptionValue for Count<T, MIN, MAX>
where
    T: Copy + TryFrom<i128> + Into<i128>,
{
    type Declared = T;
    type Value = T;

    fn parse(raw: &Raw) -> Result<T, String> {
        let expected = "a whole number";
        let count = integer(raw).ok_or_else(|| unexpected(expected, raw))?;
        let count = within(count, MIN, MAX)?;
        T::try_from(count).map_err(|_| unexpected(expected, raw))
    }

    fn validate(count: T, _: &Context) -> Result<T, String> {
        within(count.into(), MIN, MAX).map(|_| count)
    }

    fn render(count: &T) -> String {
        (*count).into().to_string()
    }
}

/// A number of workers, or `auto`.
pub(crate) struct WorkerCount;

impl WorkerCount {
    const MIN: u32 = 1;
    const MAX: u32 = 1024;
}

impl OptionValue for WorkerCount {
    type Declared = Workers;
    type Value = u32;

    fn parse(raw: &Raw) -> Result<Workers, String> {
        match raw {
            Raw::Text(text) | Raw::String(text) if text == "auto" => return Ok(Workers::Auto),
            Raw::Text(text) | Raw::String(text) if text.contains("..") => {
                return Err("a range has no effect yet; write a number or `auto`".to_owned());
            }
            _ => {}
        }
        let expected = "a whole number or `auto`";
        let count = integer(raw).ok_or_else(|| unexpected(expected, raw))?;
        let count = within(count, Self::MIN, Self::MAX)?;
        let count = u32::try_from(count).map_err(|_| unexpected(expected, raw))?;
        Ok(Workers::Fixed(count))
    }

    fn validate(workers: Workers, context: &Context) -> Result<u32, String> {
        match workers {
            Workers::Fixed(count) => {
                within(count.into(), Self::MIN, Self::MAX)?;
                Ok(count)
            }
            Workers::Auto => {
                let cores = u32::try_from(context.cores).unwrap_or(Self::MAX);
                Ok(cores.clamp(Self::MIN, Self::MAX))
            }
        }
    }

    fn render(count: &u32) -> String {
        count.to_string()
    }
}

/// Permission bits, which are written in octal.
pub(crate) struct Octal;

impl Octal {
    const MAX: u32 = 0o777;
    const EXPECTED: &'static str = "an octal number such as \"027\"";
}

impl OptionValue for Octal {
    type Declared = u32;
    type Value = u32;

    fn parse(raw: &Raw) -> Result<u32, String> {
        let bits = match raw {
            Raw::Text(text) | Raw::String(text) => {
                let digits = text.strip_prefix("0o").unwrap_or(text);
                let octal = digits.bytes().all(|byte| byte.is_ascii_digit());
                octal.then(|| u32::from_str_radix(digits, 8).ok()).flatten()
            }
            Raw::Integer { value, radix: 8 } => u32::try_from(*value).ok(),
            Raw::Integer { value: 0, .. } => Some(0),
            // A decimal 27 is hardly meant as 0o33.
            _ => None,
        };
        bits.ok_or_else(|| unexpected(Self::EXPECTED, raw))
    }

    fn validate(bits: u32, _: &Context) -> Result<u32, String> {
        if Self::MAX < bits {
            return Err(format!("expected at most {:03o}, got {bits:03o}", Self::MAX));
        }
        Ok(bits)
    }

    fn render(bits: &u32) -> String {
        toml_string(&format!("{bits:03o}"))
    }
}

fn integer(raw: &Raw) -> Option<i128> {
    match raw {
        Raw::Integer { value, .. } => Some(*value),
        Raw::Text(text) => text.parse().ok(),
        _ => None,
    }
}

fn within(count: i128, min: u32, max: u32) -> Result<i128, String> {
    if count < min.into() {
        Err(format!("expected at least {min}, got {count}"))
    } else if i128::from(max) < count {
        Err(format!("expected at most {max}, got {count}"))
    } else {
        Ok(count)
    }
}
