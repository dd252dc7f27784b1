//! Tables for people and JSON for programs.

use crate::measure::{Figures, Row, median};
use crate::peer::Peer;
use crate::reload::Reloads;
use crate::respawn::Respawns;
use std::fmt::Write;
use std::time::Duration;

/// One block per scenario, one line per peer; each figure is followed by its ratio to plain hyper.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    for group in rows.chunk_by(|a, b| a.scenario == b.scenario) {
        let scenario = group[0].scenario;
        let _ = writeln!(text, "\n{}: {}", scenario.name(), scenario.description());
        let _ = writeln!(
            text,
            "{:<8}{:>12}{:>7}{:>12}{:>7}{:>10}{:>7}{:>10}{:>7}{:>8}",
            "peer",
            "requests/s",
            "ratio",
            "CPU µs/req",
            "ratio",
            "p99 ms",
            "ratio",
            "PSS MiB",
            "ratio",
            "errors",
        );
        for row in group {
            let figures = row.figures;
            let ratio = ratios(figures, base(group));
            let _ = writeln!(
                text,
                "{:<8}{:>12.0}{}{:>12.2}{}{:>10.2}{}{}{}{:>8}",
                row.peer.name(),
                figures.requests_per_second,
                cell(ratio.requests_per_second, 7),
                figures.cpu_us,
                cell(ratio.cpu, 7),
                figures.p99_ms,
                cell(ratio.p99, 7),
                cell(figures.pss_mib, 10),
                cell(ratio.pss, 7),
                figures.errors,
            );
        }
    }
    text
}

/// An array with one object per row.
pub(crate) fn json(rows: &[Row]) -> String {
    let objects = rows.chunk_by(|a, b| a.scenario == b.scenario).flat_map(|group| {
        group.iter().map(|row| {
            let figures = row.figures;
            let ratio = ratios(figures, base(group));
            format!(
                r#"{{"scenario":"{}","peer":"{}","requests_per_second":{:.1},"cpu_us_per_request":{:.3},"p99_ms":{:.3},"pss_mib":{},"errors":{},"ratio_to_hyper":{{"requests_per_second":{},"cpu":{},"p99":{},"pss":{}}}}}"#,
                row.scenario.name(),
                row.peer.name(),
                figures.requests_per_second,
                figures.cpu_us,
                figures.p99_ms,
                number(figures.pss_mib),
                figures.errors,
                number(ratio.requests_per_second),
                number(ratio.cpu),
                number(ratio.p99),
                number(ratio.pss),
            )
        })
    });
    array(objects)
}

/// What failed during the reloads.
pub(crate) fn reloads(results: &[Reloads], as_json: bool) -> String {
    if as_json {
        return array(results.iter().map(|result| {
            let errors = result.outcome.errors;
            format!(
                r#"{{"peer":"{}","reloads":{},"requests":{},"failed":{},"connect":{},"read":{},"write":{},"status":{},"timeout":{},"workers":{},"replaced":{}}}"#,
                result.peer.name(),
                result.count,
                result.outcome.requests,
                errors.total(),
                errors.connect,
                errors.read,
                errors.write,
                errors.status,
                errors.timeout,
                result.workers,
                result.replaced,
            )
        }));
    }
    let mut text = format!(
        "\n{:<8}{:>8}{:>10}{:>8}{:>9}{:>7}{:>7}{:>8}{:>9}{:>10}\n",
        "peer",
        "reloads",
        "requests",
        "failed",
        "connect",
        "read",
        "write",
        "status",
        "timeout",
        "replaced",
    );
    for result in results {
        let errors = result.outcome.errors;
        let _ = writeln!(
            text,
            "{:<8}{:>8}{:>10}{:>8}{:>9}{:>7}{:>7}{:>8}{:>9}{:>10}",
            result.peer.name(),
            result.count,
            result.outcome.requests,
            errors.total(),
            errors.connect,
            errors.read,
            errors.write,
            errors.status,
            errors.timeout,
            format!("{}/{}", result.replaced, result.workers),
        );
    }
    text
}

/// How long successors took.
pub(crate) fn respawns(results: &[Respawns], as_json: bool) -> String {
    let millis = |time: &Duration| time.as_secs_f64() * 1e3;
    let summaries = results.iter().map(|result| {
        let times: Vec<f64> = result.times.iter().map(millis).collect();
        let slowest = times.iter().copied().fold(f64::NAN, f64::max);
        (result.peer.name(), times.len(), median(times), slowest)
    });
    if as_json {
        return array(summaries.map(|(peer, kills, median, slowest)| {
            let (median, slowest) = (number(Some(median)), number(Some(slowest)));
            format!(
                r#"{{"peer":"{peer}","kills":{kills},"median_ms":{median},"max_ms":{slowest}}}"#
            )
        }));
    }
    let mut text = format!("\n{:<8}{:>7}{:>11}{:>9}\n", "peer", "kills", "median ms", "max ms");
    for (peer, kills, median, slowest) in summaries {
        let _ = writeln!(text, "{peer:<8}{kills:>7}{median:>11.2}{slowest:>9.2}");
    }
    text
}

/// The figures of one row divided by those of plain hyper; `None` where either is unknown.
struct Ratios {
    requests_per_second: Option<f64>,
    cpu: Option<f64>,
    p99: Option<f64>,
    pss: Option<f64>,
}

fn ratios(figures: Figures, base: Option<Figures>) -> Ratios {
    Ratios {
        requests_per_second: base.map(|b| figures.requests_per_second / b.requests_per_second),
        cpu: base.map(|b| figures.cpu_us / b.cpu_us),
        p99: base.map(|b| figures.p99_ms / b.p99_ms),
        pss: figures.pss_mib.zip(base.and_then(|b| b.pss_mib)).map(|(own, base)| own / base),
    }
}

fn base(group: &[Row]) -> Option<Figures> {
    group.iter().find(|row| row.peer == Peer::Hyper).map(|row| row.figures)
}

fn cell(value: Option<f64>, width: usize) -> String {
    value.map_or_else(|| format!("{:>width$}", "–"), |value| format!("{value:>width$.2}"))
}

/// A JSON number; what is unknown or no number is `null`.
pub(crate) fn number(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map_or("null".to_owned(), |value| format!("{value:.3}"))
}

/// A JSON array, one object per line.
pub(crate) fn array(objects: impl Iterator<Item = String>) -> String {
    format!("[\n  {}\n]\n", objects.collect::<Vec<_>>().join(",\n  "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Scenario;

    fn rows(pss_mib: Option<f64>) -> [Row; 2] {
        let figures = |cpu_us| Figures {
            requests_per_second: 1e6 / cpu_us,
            cpu_us,
            p99_ms: 2.0,
            pss_mib,
            errors: 0,
        };
        [(Peer::Hyper, 8.0), (Peer::Runner, 6.0)].map(|(peer, cpu_us)| Row {
            scenario: Scenario::KeepAlive,
            peer,
            figures: figures(cpu_us),
        })
    }

    #[test]
    fn a_line_holds_figures_and_ratios() {
        let text = table(&rows(Some(3.0)));
        let line = text.lines().find(|line| line.starts_with("runner")).expect("a line per peer");
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(
            words,
            ["runner", "166667", "1.33", "6.00", "0.75", "2.00", "1.00", "3.00", "1.00", "0"]
        );
    }

    #[test]
    fn without_the_base_there_are_no_ratios() {
        let text = table(&rows(None)[1..]);
        let line = text.lines().find(|line| line.starts_with("runner")).expect("a line per peer");
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words, ["runner", "166667", "–", "6.00", "–", "2.00", "–", "–", "–", "0"]);
    }

    #[test]
    fn json_has_null_for_the_unknown() {
        let text = json(&rows(None));
        assert!(text.contains(r#""pss_mib":null"#), "{text}");
        assert!(text.contains(r#""cpu":0.750"#), "{text}");
    }

    #[test]
    fn respawns_are_summed_up_in_milliseconds() {
        let times = [3, 1, 20].map(Duration::from_millis).to_vec();
        let text = respawns(&[Respawns { peer: Peer::Runner, times }], false);
        let line = text.lines().last().expect("a line per peer");
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words, ["runner", "3", "3.00", "20.00"]);
    }
}
