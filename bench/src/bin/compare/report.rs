//! Tables for people and JSON for programs.

use crate::clients::Outcome;
use crate::loss::Loss;
use crate::measure::{Row, median};
use crate::peer::Peer;
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
            "{:<8}{:>12}{:>7}{:>12}{:>7}{:>16}{:>10}{:>7}{:>10}{:>7}{:>8}",
            "peer",
            "requests/s",
            "ratio",
            "CPU µs/req",
            "ratio",
            "from – to",
            "p99 ms",
            "ratio",
            "PSS MiB",
            "ratio",
            "errors",
        );
        for row in group {
            let figures = row.figures;
            let ratio = row.ratios;
            let [least, most] = row.cpu_range_us;
            let _ = writeln!(
                text,
                "{:<8}{:>12.0}{}{:>12.2}{}{:>16}{:>10.2}{}{}{}{:>8}",
                row.peer.name(),
                figures.requests_per_second,
                cell(ratio.requests_per_second, 7),
                figures.cpu_us,
                cell(ratio.cpu, 7),
                format!("{least:.2} – {most:.2}"),
                figures.p99_ms,
                cell(ratio.p99, 7),
                cell(figures.pss_mib, 10),
                cell(ratio.pss, 7),
                figures.errors,
            );
        }
        if let Some(ratio) = of_runner(group) {
            let limit = scenario.cpu_limit();
            let verdict = if ratio <= limit { "kept" } else { "exceeded" };
            let _ = writeln!(text, "limit of the CPU ratio of runner {limit:.2}: {verdict}");
        }
    }
    text
}

/// An array with one object per row.
pub(crate) fn json(rows: &[Row]) -> String {
    let objects = rows.iter().map(|row| {
        let (figures, ratio, [least, most]) = (row.figures, row.ratios, row.cpu_range_us);
        format!(
            r#"{{"scenario":"{}","peer":"{}","requests_per_second":{:.1},"cpu_us_per_request":{:.3},"cpu_us_least":{least:.3},"cpu_us_most":{most:.3},"p99_ms":{:.3},"pss_mib":{},"errors":{},"ratio_to_hyper":{{"requests_per_second":{},"cpu":{},"cpu_limit":{},"p99":{},"pss":{}}}}}"#,
            row.scenario.name(),
            row.peer.name(),
            figures.requests_per_second,
            figures.cpu_us,
            figures.p99_ms,
            number(figures.pss_mib),
            figures.errors,
            number(ratio.requests_per_second),
            number(ratio.cpu),
            number((row.peer == Peer::Runner).then(|| row.scenario.cpu_limit())),
            number(ratio.p99),
            number(ratio.pss),
        )
    });
    array(objects)
}

/// What was lost while workers were replaced, by how.
pub(crate) fn losses(results: &[Loss], as_json: bool) -> String {
    if as_json {
        return array(results.iter().map(|result| {
            let outcomes = Outcome::FAILURES.map(|outcome| {
                format!(r#""{}":{}"#, outcome.name(), result.seen.count(outcome))
            });
            format!(
                r#"{{"peer":"{}","what":"{}","times":{},"clients":"{}","answered":{},"lost":{},{},"workers":{}}}"#,
                result.peer.name(),
                result.happening.name(),
                result.count,
                result.usage.name(),
                result.seen.count(Outcome::Ok),
                result.seen.failed(),
                outcomes.join(","),
                result.seen.taken.len(),
            )
        }));
    }
    let mut text = format!(
        "\n{:<9}{:<12}{:<12}{:>9}{:>9}{:>7}  {}\n",
        "peer", "what", "clients", "workers", "answered", "lost", "how",
    );
    for result in results {
        let how: Vec<String> = Outcome::FAILURES
            .into_iter()
            .map(|outcome| (result.seen.count(outcome), outcome))
            .filter(|(count, _)| *count > 0)
            .map(|(count, outcome)| format!("{count} {}", outcome.name()))
            .collect();
        let _ = writeln!(
            text,
            "{:<9}{:<12}{:<12}{:>9}{:>9}{:>7}  {}",
            result.peer.name(),
            format!("{} {}s", result.count, result.happening.name()),
            result.usage.name(),
            result.seen.taken.len(),
            result.seen.count(Outcome::Ok),
            result.seen.failed(),
            how.join("; "),
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

/// The CPU time per request of the program under test, as a ratio to plain hyper.
fn of_runner(group: &[Row]) -> Option<f64> {
    group.iter().find(|row| row.peer == Peer::Runner)?.ratios.cpu
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
    use crate::clients::{Seen, Usage};
    use crate::measure::{Figures, Ratios, Scenario};
    use crate::peer::Happening;

    fn row(ratios: Ratios) -> Row {
        let figures = Figures {
            requests_per_second: 1e6 / 6.0,
            cpu_us: 6.0,
            p99_ms: 2.0,
            pss_mib: None,
            errors: 0,
        };
        let (scenario, peer) = (Scenario::Close, Peer::Runner);
        Row { scenario, peer, figures, cpu_range_us: [5.0, 7.0], ratios }
    }

    /// Asserts the words of the line of a runner program, and the last of that below it.
    #[track_caller]
    fn check(ratios: Ratios, words: &str, verdict: Option<&str>) {
        let text = table(&[row(ratios)]);
        let mut lines = text.lines().skip_while(|line| !line.starts_with("runner"));
        let found: Vec<&str> = lines.next().expect("a line per peer").split_whitespace().collect();
        assert_eq!(found.join(" "), words);
        assert_eq!(lines.next().and_then(|line| line.rsplit(' ').next()), verdict, "{text}");
    }

    #[test]
    fn a_line_holds_figures_and_ratios() {
        let ratios = |cpu| Ratios { cpu: Some(cpu), p99: Some(1.0), ..Ratios::default() };
        let line = "runner 166667 – 6.00 0.75 5.00 – 7.00 2.00 1.00 – – 0";
        check(ratios(0.75), line, Some("kept"));
        check(ratios(0.81), &line.replace("0.75", "0.81"), Some("exceeded"));
        check(Ratios::default(), "runner 166667 – 6.00 – 5.00 – 7.00 2.00 – – – 0", None);
    }

    #[test]
    fn json_has_null_for_the_unknown() {
        let text = json(&[row(Ratios { cpu: Some(0.75), ..Ratios::default() })]);
        assert!(text.contains(r#""pss_mib":null"#), "{text}");
        assert!(text.contains(r#""cpu":0.750"#), "{text}");
    }

    #[test]
    fn losses_are_listed_by_how() {
        let loss = |seen| Loss {
            peer: Peer::Nginx,
            happening: Happening::Reload,
            usage: Usage::KeepAlive,
            count: 20,
            seen,
        };
        let seen = Seen::of(&[(Outcome::Ok, 9), (Outcome::ClosedReused, 4), (Outcome::Reset, 1)]);
        let text = losses(&[loss(seen)], false);
        let line = text.lines().last().expect("a line per peer");
        assert!(line.ends_with(" 9      5  1 reset; 4 closed, reused"), "{line}");
        let text = losses(&[loss(Seen::of(&[(Outcome::Ok, 9)]))], true);
        assert!(text.contains(r#""lost":0,"refused":0,"#), "{text}");
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
