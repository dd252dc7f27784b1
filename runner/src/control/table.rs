//! What the master answers, as tables for people.

use super::protocol::{Exit, ServerStatus, Status, Why, WorkerStatus};
use std::fmt::Write;

/// Space between two columns.
const GAP: &str = "  ";

/// How a column is aligned.
#[derive(Clone, Copy)]
enum Align {
    Left,
    Right,
}

/// The master, its servers and their workers.
pub(super) fn status(status: &Status) -> String {
    let Status { program, pid, uptime_ms, generation, servers } = status;
    let up = duration(*uptime_ms);
    let mut text = format!("{program}  pid {pid}  up {up}  generation {generation}\n");
    let rows = servers.iter().map(server);
    let columns = [
        ("SERVER", Align::Left),
        ("KIND", Align::Left),
        ("READY", Align::Right),
        ("FAILURES", Align::Right),
        ("ADDRESSES", Align::Left),
    ];
    let _ = writeln!(text, "{}\n", table(columns, rows));
    let workers =
        servers.iter().flat_map(|server| server.workers.iter().map(|it| worker(&server.name, it)));
    let columns = [
        ("SERVER", Align::Left),
        ("SLOT", Align::Right),
        ("GENERATION", Align::Right),
        ("PID", Align::Right),
        ("AGE", Align::Right),
        ("MEMORY", Align::Right),
        ("CONNECTIONS", Align::Right),
        ("REQUESTS", Align::Right),
        ("STATE", Align::Left),
    ];
    text + &table(columns, workers)
}

/// How the last workers ended.
pub(super) fn why(why: &Why) -> String {
    if why.exits.is_empty() {
        return "no worker has ended yet".to_owned();
    }
    let columns = [
        ("AGO", Align::Right),
        ("SERVER", Align::Left),
        ("SLOT", Align::Right),
        ("GENERATION", Align::Right),
        ("PID", Align::Right),
        ("UPTIME", Align::Right),
        ("CAUSE", Align::Left),
        ("STATUS", Align::Left),
        ("REASON", Align::Left),
        ("LAST REQUEST", Align::Left),
    ];
    table(columns, why.exits.iter().map(exit))
}

fn server(server: &ServerStatus) -> [String; 5] {
    let ServerStatus { name, kind, addresses, target, degraded, failures, workers } = server;
    let ready = workers.iter().filter(|worker| worker.state == "ready").count();
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    let degraded = if *degraded { " degraded" } else { "" };
    [
        name.clone(),
        kind.clone(),
        format!("{ready}/{target}"),
        format!("{failures}{degraded}"),
        addresses.join(", "),
    ]
}

fn worker(server: &str, worker: &WorkerStatus) -> [String; 9] {
    let state = match worker.retry_ms {
        Some(retry) => format!("{}, again in {}", worker.state, duration(retry)),
        None => worker.state.to_string(),
    };
    [
        server.to_owned(),
        worker.slot.to_string(),
        worker.generation.to_string(),
        known(worker.pid),
        known(worker.age_ms.map(duration)),
        known(worker.memory_bytes.map(|bytes| format!("{} KiB", bytes / 1024))),
        known(worker.connections),
        known(worker.requests),
        state,
    ]
}

fn exit(exit: &Exit) -> [String; 10] {
    let status = match (exit.exit_code, &exit.signal) {
        (Some(code), _) => format!("exit code {code}"),
        (None, signal) => known(signal.as_deref()),
    };
    let core = if exit.core { ", core" } else { "" };
    [
        duration(exit.age_ms),
        exit.server.clone(),
        exit.slot.to_string(),
        exit.generation.to_string(),
        exit.pid.to_string(),
        duration(exit.uptime_ms),
        exit.cause.to_string(),
        format!("{status}{core}"),
        known(exit.reason.as_deref()),
        known(exit.last_request.as_deref()),
    ]
}

fn known(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// A time in its largest unit, as it is read at a glance.
fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{} s", ms / 1_000),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        7_200_000..172_800_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} d", ms / 86_400_000),
    }
}

/// Lines of cells below each other, without the line end of the last.
fn table<const COLUMNS: usize>(
    columns: [(&str, Align); COLUMNS],
    rows: impl Iterator<Item = [String; COLUMNS]>,
) -> String {
    let header = columns.map(|(name, _)| name.to_owned());
    let rows: Vec<_> = std::iter::once(header).chain(rows).map(|row| row.map(one_line)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let line = |row: &[String; COLUMNS]| {
        let mut line = String::new();
        for ((cell, (_, align)), width) in row.iter().zip(columns).zip(widths) {
            let _ = match align {
                Align::Left => write!(line, "{cell:<width$}{GAP}"),
                Align::Right => write!(line, "{cell:>width$}{GAP}"),
            };
        }
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Names and reasons are text of the program's, and may hold what moves the cursor.
fn one_line(cell: String) -> String {
    if !cell.contains(char::is_control) {
        return cell;
    }
    cell.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        for (ms, expected) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1 s"),
            (119_999, "119 s"),
            (120_000, "2 min"),
            (7_200_000, "2 h"),
            (172_800_000, "2 d"),
        ] {
            assert_eq!(duration(ms), expected);
        }
    }

    #[test]
    fn workers_and_waiting_slots_stand_below_each_other() {
        let serving = WorkerStatus {
            slot: 0,
            generation: 2,
            pid: Some(26837),
            age_ms: Some(65_000),
            memory_bytes: Some(172_032),
            connections: Some(3),
            requests: None,
            accept_failures: None,
            state: "ready".into(),
            retry_ms: None,
        };
        let waiting = WorkerStatus {
            slot: 11,
            pid: None,
            age_ms: None,
            memory_bytes: None,
            connections: None,
            state: "back-off".into(),
            retry_ms: Some(1_500),
            ..serving.clone()
        };
        let web = ServerStatus {
            name: "web\x1b[2J".to_owned(),
            kind: "http".to_owned(),
            addresses: vec!["127.0.0.1:80".parse().unwrap(), "unix:/run/web\x1b".parse().unwrap()],
            target: 2,
            degraded: true,
            failures: 12,
            workers: vec![serving, waiting],
        };
        let all = Status {
            program: "demo".to_owned(),
            pid: 26836,
            uptime_ms: 65_100,
            generation: 2,
            servers: vec![web],
        };
        insta::assert_snapshot!(status(&all));
    }

    #[test]
    fn exits_stand_below_each_other() {
        assert_eq!(why(&Why { exits: Vec::new() }), "no worker has ended yet");
        let crashed = Exit {
            unix_time: 1_700_000_000,
            age_ms: 300_000,
            server: "web".to_owned(),
            slot: 0,
            generation: 1,
            pid: 26837,
            cause: "crashed".into(),
            reason: None,
            exit_code: None,
            signal: Some("SIGABRT".to_owned()),
            core: true,
            uptime_ms: 12,
            last_request: Some("GET /".to_owned()),
        };
        let refused = Exit {
            cause: "cannot-start".into(),
            reason: Some("no\tdatabase".to_owned()),
            exit_code: Some(1),
            signal: None,
            core: false,
            last_request: None,
            ..crashed.clone()
        };
        insta::assert_snapshot!(why(&Why { exits: vec![crashed, refused] }));
    }
}
