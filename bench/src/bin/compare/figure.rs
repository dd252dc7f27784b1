//! Single figures, some with a limit.

use crate::measure::median;
use crate::report::{array, number};
use std::fmt::Write;
use std::time::Duration;

/// One thing that was measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// What it should not exceed, if there is such a thing.
    pub(crate) limit: Option<f64>,
}

impl Figure {
    pub(crate) fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { what: what.into(), value, unit, limit: None }
    }

    pub(crate) fn at_most(self, limit: f64) -> Self {
        Self { limit: Some(limit), ..self }
    }
}

/// Median, 99th percentile and maximum of what took these times.
pub(crate) fn spread(what: &str, times: &[Duration]) -> [Figure; 3] {
    let mut millis: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    millis.sort_by(f64::total_cmp);
    let at = |part: f64| {
        let index = (millis.len() as f64 * part).ceil() as usize;
        millis.get(index.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    };
    [("median", median(millis.clone())), ("p99", at(0.99)), ("max", at(1.0))]
        .map(|(name, value)| Figure::new(format!("{what}, {name}"), value, "ms"))
}

/// One line per figure.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut text = String::from("\n");
    for Figure { what, value, unit, limit } in figures {
        let verdict = limit.map(|limit| {
            let verdict = if *value <= limit { "kept" } else { "exceeded" };
            format!("  limit {limit} {unit}: {verdict}")
        });
        let verdict = verdict.unwrap_or_default();
        let _ = writeln!(text, "{what:<60}{value:>12.2} {unit:<10}{verdict}");
    }
    text
}

/// An array with one object per figure.
pub(crate) fn json(figures: &[Figure]) -> String {
    array(figures.iter().map(|Figure { what, value, unit, limit }| {
        let (value, limit) = (number(Some(*value)), number(*limit));
        format!(r#"{{"what":"{what}","value":{value},"unit":"{unit}","limit":{limit}}}"#)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_kept_or_exceeded() {
        let figures = [1.0, 3.0].map(|value| Figure::new("forks", value, "").at_most(2.0));
        let text = table(&figures);
        let verdicts: Vec<_> =
            text.lines().filter_map(|line| line.rsplit_once(": ")).map(|(_, it)| it).collect();
        assert_eq!(verdicts, ["kept", "exceeded"]);
    }

    #[test]
    fn a_spread_has_its_percentile_and_its_maximum() {
        let times: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        let values = spread("reload", &times).map(|figure| figure.value);
        assert_eq!(values, [100.5, 198.0, 200.0]);
        assert!(spread("reload", &[]).iter().all(|figure| figure.value.is_nan()));
    }

    #[test]
    fn json_has_null_for_no_limit() {
        let text = json(&[Figure::new("kills", 7.0, "kills")]);
        assert!(text.contains(r#""value":7.000,"unit":"kills","limit":null"#), "{text}");
    }
}
