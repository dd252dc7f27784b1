//! Whole numbers.

use super::{Context, OptionValue, Raw, toml_string, unexpected};
use std::marker::PhantomData;

/// A whole number from `MIN` to `MAX`.
pub(crate) struct Number<T, const MIN: i64, const MAX: i64>(PhantomData<T>);

impl<T, const MIN: i64, const MAX: i64> OptionValue for Number<T, MIN, MAX>
where
    T: Copy + TryFrom<i128> + Into<i128>,
{
    type Declared = T;
    type Value = T;

    fn parse(raw: &Raw) -> Result<T, String> {
        let expected = "a whole number";
        let number = integer(raw).ok_or_else(|| unexpected(expected, raw))?;
        T::try_from(number).or_else(|_| {
            within(number, MIN, MAX)?;
            Err(unexpected(expected, raw))
        })
    }

    fn validate(number: T, _: &Context) -> Result<T, String> {
        within(number.into(), MIN, MAX).map(|()| number)
    }

    fn render(number: &T) -> String {
        (*number).into().to_string()
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

pub(super) fn integer(raw: &Raw) -> Option<i128> {
    match raw {
        Raw::Integer { value, .. } => Some(*value),
        Raw::Text(text) => text.parse().ok(),
        _ => None,
    }
}

pub(super) fn within(number: i128, min: i64, max: i64) -> Result<(), String> {
    if number < min.into() {
        Err(format!("expected at least {min}, got {number}"))
    } else if i128::from(max) < number {
        Err(format!("expected at most {max}, got {number}"))
    } else {
        Ok(())
    }
}
