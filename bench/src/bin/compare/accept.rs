//! The two ways in which workers share an address, side by side: what a request costs, how evenly
//! connections are spread, what a busy worker does to the others' clients, and who wakes up.

use crate::cli::Options;
use crate::clients::{Clients, Seen, Usage};
use crate::measure::median;
use crate::peer::sibling;
use crate::process::cpu_time;
use crate::report::{array, number};
use crate::{Interrupt, Result};
use runner_tests::{Program, Worker, proc_status, threads_of};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// The values of the option `accept`.
const MODES: [&str; 2] = ["slots", "shared"];
/// Workers while the cost, the spread and the latency are measured.
const WORKERS: usize = 4;
/// Workers, nearly all of them idle, while those that wake up are counted.
const IDLE_WORKERS: usize = 16;
const CLIENTS: [usize; 3] = [1, 8, 64];
/// Load before each measurement.
const WARM_UP: Duration = Duration::from_millis(500);
/// What the worker with most connections may have of them, by what the one with fewest has.
const SPREAD_MAX: f64 = 1.5;
/// By connection: one that tells the worker of it, and few that were for nothing.
const WAKE_UPS_MAX: f64 = 1.2;

/// One thing that was measured of both.
pub(crate) struct Pair {
    what: String,
    unit: &'static str,
    values: [f64; 2],
    limits: [Option<f64>; 2],
}

/// One way to measure.
#[derive(Clone, Copy)]
struct Setting {
    program: &'static str,
    workers: usize,
    clients: usize,
    usage: Usage,
}

/// What is known of one run.
struct Run {
    seen: Seen,
    /// CPU time of the whole program by answer, in microseconds.
    cpu_us: f64,
    /// How often threads of workers had waited and went on, by connection.
    wake_ups: f64,
}

pub(crate) fn run(options: &Options, interrupt: &Interrupt) -> Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for usage in Usage::ALL {
        for clients in CLIENTS {
            let setting = Setting { program: "bench_server", workers: WORKERS, clients, usage };
            let [slots, shared] = both(setting, options, interrupt)?;
            let what = format!("{}, {clients} at a time", usage.name());
            pairs.push(pair(format!("{what}: CPU by request"), "µs", &slots, &shared, |run| {
                run.cpu_us
            }));
            if usage == Usage::Once {
                let what = format!("{what}: most by fewest connections");
                let mut spread = pair(what, "", &slots, &shared, Run::spread);
                spread.limits[1] = Some(SPREAD_MAX);
                pairs.push(spread);
            }
        }
    }
    for usage in Usage::ALL {
        for clients in CLIENTS {
            let setting = Setting { program: "uneven_server", workers: WORKERS, clients, usage };
            let [slots, shared] = both(setting, options, interrupt)?;
            for (name, part) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
                let what =
                    format!("{}, {clients} at a time, one worker busy: {name}", usage.name());
                pairs.push(pair(what, "ms", &slots, &shared, |run| run.latency_ms(part)));
            }
        }
    }
    let (program, usage) = ("bench_server", Usage::Once);
    let setting = Setting { program, workers: IDLE_WORKERS, clients: 1, usage };
    let [slots, shared] = both(setting, options, interrupt)?;
    let what = format!("{IDLE_WORKERS} idle workers: wake-ups by connection");
    let mut wake_ups = pair(what, "", &slots, &shared, |run| run.wake_ups);
    wake_ups.limits[0] = Some(WAKE_UPS_MAX);
    pairs.push(wake_ups);
    Ok(pairs)
}

/// One line per pair.
pub(crate) fn table(pairs: &[Pair]) -> String {
    let mut text = format!("\n{:<54}{:>10}{:>10}\n", "", MODES[0], MODES[1]);
    for Pair { what, unit, values, limits } in pairs {
        let _ = write!(text, "{what:<54}{:>10.2}{:>10.2} {unit:<4}", values[0], values[1]);
        for ((mode, value), limit) in MODES.iter().zip(values).zip(limits) {
            if let Some(limit) = limit {
                let verdict = if value <= limit { "kept" } else { "exceeded" };
                let _ = write!(text, " {mode}: limit {limit} {verdict}");
            }
        }
        text.push('\n');
    }
    text
}

/// An array with one object per pair.
pub(crate) fn json(pairs: &[Pair]) -> String {
    array(pairs.iter().map(|Pair { what, unit, values, limits }| {
        let [slots, shared] = values.map(|value| number(Some(value)));
        let limits = limits.map(number);
        format!(
            r#"{{"what":"{what}","unit":"{unit}","slots":{slots},"shared":{shared},"slots_limit":{},"shared_limit":{}}}"#,
            limits[0], limits[1],
        )
    }))
}

/// Medians over the rounds.
fn pair(
    what: String,
    unit: &'static str,
    slots: &[Run],
    shared: &[Run],
    value: impl Fn(&Run) -> f64,
) -> Pair {
    let values = [slots, shared].map(|runs| median(runs.iter().map(&value).collect()));
    Pair { what, unit, values, limits: [None; 2] }
}

/// The rounds of both, in turn.
fn both(setting: Setting, options: &Options, interrupt: &Interrupt) -> Result<[Vec<Run>; 2]> {
    let mut runs = [Vec::new(), Vec::new()];
    for _ in 0..options.rounds {
        for (mode, runs) in MODES.iter().zip(&mut runs) {
            interrupt.check()?;
            let Setting { program, clients, usage, .. } = setting;
            eprintln!("{program}, {mode}: {}, {clients} at a time", usage.name());
            runs.push(setting.measure(mode, options.duration)?);
        }
    }
    Ok(runs)
}

impl Setting {
    fn measure(self, mode: &str, duration: Duration) -> Result<Run> {
        let program = Program::new(sibling(self.program)?)
            .args(&["run", &format!("--server.hello.accept={mode}")])
            .env("RUNNER_SERVER_HELLO__BIND", "127.0.0.1:0")
            .env("RUNNER_SERVER_HELLO__WORKERS", &self.workers.to_string())
            .spawn()
            .ready();
        self.load(&program, WARM_UP)?;
        let pid = program.pid().cast_unsigned();
        let workers = program.workers_of("hello");
        let (used, woken) = (cpu_time(pid), wake_ups(&workers));
        let seen = self.load(&program, duration)?;
        let (used, woken) = (cpu_time(pid) - used, wake_ups(&workers) - woken);
        let answered = seen.latencies_us.len() as f64;
        let connections = seen.taken.values().sum::<u64>() as f64;
        if seen.failed() > 0 {
            eprintln!("{} requests failed", seen.failed());
        }
        Ok(Run {
            cpu_us: used.as_secs_f64() * 1e6 / answered,
            wake_ups: woken as f64 / connections,
            seen: seen.sorted(),
        })
    }

    fn load(self, program: &Program, duration: Duration) -> Result<Seen> {
        let address = program.address("hello");
        let began = Instant::now();
        let clients = Clients::start(address, self.clients, self.usage, None);
        std::thread::sleep(duration.saturating_sub(began.elapsed()));
        clients.stop()
    }
}

impl Run {
    fn latency_ms(&self, part: f64) -> f64 {
        let index = (self.seen.latencies_us.len() as f64 * part) as usize;
        self.seen.latencies_us.get(index).map_or(f64::NAN, |us| f64::from(*us) / 1e3)
    }

    /// The connections of the worker that has taken most, by those of the one with fewest; infinite
    /// when one has taken none.
    fn spread(&self) -> f64 {
        let taken = &self.seen.taken;
        let fewest =
            if taken.len() < WORKERS { 0 } else { taken.values().copied().min().unwrap_or(0) };
        let most = taken.values().copied().max().unwrap_or(0);
        most as f64 / fewest as f64
    }
}

/// How often the threads of these processes have gone to sleep, so far.
fn wake_ups(workers: &[Worker]) -> u64 {
    let threads = workers.iter().flat_map(|worker| threads_of(worker.pid));
    let switches = |thread| proc_status(thread).get("voluntary_ctxt_switches")?.parse::<u64>().ok();
    threads.filter_map(switches).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(latencies_us: Vec<u32>, taken: &[(u32, u64)]) -> Run {
        let mut seen = Seen::default();
        seen.latencies_us = latencies_us;
        seen.taken = taken.iter().copied().collect();
        Run { seen: seen.sorted(), cpu_us: 1.0, wake_ups: 1.0 }
    }

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let run = run((1..=1000).rev().map(|ms| ms * 1000).collect(), &[]);
        assert_eq!([0.5, 0.99, 0.999].map(|part| run.latency_ms(part)), [501.0, 991.0, 1000.0]);
    }

    #[test]
    fn a_worker_without_connections_makes_the_spread_infinite() {
        assert_eq!(run(vec![], &[(1, 10), (2, 20), (3, 12), (4, 10)]).spread(), 2.0);
        assert_eq!(run(vec![], &[(1, 10), (2, 20), (3, 12)]).spread(), f64::INFINITY);
    }

    #[test]
    fn a_limit_concerns_one_of_the_two() {
        let pair = Pair {
            what: "wake-ups".to_owned(),
            unit: "",
            values: [1.1, 2.7],
            limits: [Some(1.2), None],
        };
        let text = table(&[pair]);
        assert!(text.trim_end().ends_with("slots: limit 1.2 kept"), "{text}");
    }
}
