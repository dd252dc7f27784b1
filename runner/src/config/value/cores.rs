//! The cores that workers run on.

use super::{Context, OptionValue, Raw, quoted, toml_string, unexpected};
use crate::spec::CpuAffinity;

/// The cores that the kernel's fixed set of them, `cpu_set_t`, has room for; see sched_setaffinity(2).
const CORES_MAX: usize = 1024;

const EXPECTED: &str = "`auto` or a list of cores such as \"0-3,8\"";

impl OptionValue for CpuAffinity {
    type Declared = Self;
    type Value = Self;

    fn parse(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Text(text) | Raw::String(text) if text == "auto" => Ok(Self::Auto),
            Raw::Text(text) | Raw::String(text) => {
                let parts: Result<Vec<_>, String> = text.split(',').map(part).collect();
                Ok(Self::Cores(parts?.concat()))
            }
            Raw::List(items) => items.iter().map(item).collect::<Result<_, _>>().map(Self::Cores),
            _ => Err(unexpected(EXPECTED, raw)),
        }
    }

    fn validate(affinity: Self, _: &Context) -> Result<Self, String> {
        let Self::Cores(cores) = &affinity else {
            return Ok(affinity);
        };
        if cores.is_empty() {
            return Err(format!("expected {EXPECTED}, got an empty list"));
        }
        for (at, &core) in cores.iter().enumerate() {
            in_range(core)?;
            if cores[..at].contains(&core) {
                return Err(format!("core {core} stands in the list twice"));
            }
        }
        Ok(affinity)
    }

    fn render(affinity: &Self) -> String {
        match affinity {
            Self::Auto => toml_string("auto"),
            Self::Cores(cores) => {
                let runs = cores.chunk_by(|core, next| core + 1 == *next);
                let parts: Vec<String> = runs.map(written).collect();
                toml_string(&parts.join(","))
            }
        }
    }
}

/// The cores of a part of the list: `8` or `0-3`.
fn part(text: &str) -> Result<Vec<usize>, String> {
    let text = text.trim();
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (Ok(first), Ok(last)) = (first.trim().parse(), last.trim().parse()) else {
        return Err(format!("expected {EXPECTED}, got {}", quoted(text)));
    };
    if last < first {
        return Err(format!("`{text}` ends before it begins; write `{last}-{first}`"));
    }
    // Before the range becomes a list, which may be long.
    in_range(last)?;
    Ok((first..=last).collect())
}

fn item(raw: &Raw) -> Result<usize, String> {
    match raw {
        Raw::Integer { value, .. } => usize::try_from(*value).ok(),
        _ => None,
    }
    .ok_or_else(|| unexpected("a list of numbers of cores", raw))
}

fn in_range(core: usize) -> Result<(), String> {
    if core < CORES_MAX {
        Ok(())
    } else {
        Err(format!("expected cores up to {}, got {core}", CORES_MAX - 1))
    }
}

/// Consecutive cores, as they are written in the list.
fn written(run: &[usize]) -> String {
    match run {
        [core] => core.to_string(),
        _ => format!("{}-{}", run[0], run[run.len() - 1]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cores() {
        for (text, cores) in [
            ("0", Some(vec![0])),
            ("0-3,8", Some(vec![0, 1, 2, 3, 8])),
            (" 8 , 0 - 1 ", Some(vec![8, 0, 1])),
            ("5-5", Some(vec![5])),
            ("1023", Some(vec![1023])),
            ("0-18446744073709551615", None),
            ("3-1", None),
            ("0,", None),
            ("-1", None),
            ("", None),
        ] {
            let actual = CpuAffinity::parse(&Raw::Text(text.to_owned()));
            assert_eq!(actual.ok(), cores.map(CpuAffinity::Cores), "{text}");
        }
    }

    #[test]
    fn lists_are_written_with_ranges() {
        for (cores, text) in [
            (vec![8], "\"8\""),
            (vec![0, 1, 2, 3, 8], "\"0-3,8\""),
            (vec![3, 2, 4, 5], "\"3,2,4-5\""),
        ] {
            assert_eq!(CpuAffinity::render(&CpuAffinity::Cores(cores)), text);
        }
    }
}
