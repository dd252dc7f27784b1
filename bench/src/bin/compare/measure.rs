//! The interleaved rounds: each round runs every peer under every scenario, so that whatever else
//! the machine does in the meantime meets all of them alike.

use crate::cli::Options;
use crate::load::Load;
use crate::peer::Peer;
use crate::running::Running;
use crate::{Interrupt, Result, process};
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;
use std::time::Duration;

/// Workers, or threads, of each peer.
const WORKERS: u32 = 2;
/// Requests sent at a time in the pipelined scenario.
const DEPTH: u32 = 16;
/// Load before the measurement, so that caches, pools and page tables are as in steady service.
const WARM_UP: Duration = Duration::from_secs(1);

/// How clients behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Connections stay open.
    KeepAlive,
    /// Each request has a connection of its own.
    Close,
    /// Many requests at a time on open connections; server and load each on a core of their own.
    Pipelined,
}

impl Scenario {
    pub(crate) const ALL: [Self; 3] = [Self::KeepAlive, Self::Close, Self::Pipelined];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::KeepAlive => "keep-alive",
            Self::Close => "close",
            Self::Pipelined => "pipelined",
        }
    }

    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::KeepAlive => "64 connections kept alive",
            Self::Close => "a connection per request, 64 at a time",
            Self::Pipelined => "16 requests at a time, server and load on a core each",
        }
    }

    /// What a runner program may use of CPU time per request at most, as a ratio to plain hyper.
    pub(crate) fn cpu_limit(self) -> f64 {
        match self {
            Self::KeepAlive => 1.0,
            Self::Close => 0.8,
            Self::Pipelined => 0.3,
        }
    }
}

/// One peer under one scenario, as medians over the rounds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) scenario: Scenario,
    pub(crate) peer: Peer,
    pub(crate) figures: Figures,
    /// The least and the most CPU time per request of all rounds.
    pub(crate) cpu_range_us: [f64; 2],
    pub(crate) ratios: Ratios,
}

/// The figures of a peer divided by those of plain hyper in the same round, as medians over the
/// rounds: what slows down a whole round is in both and leaves no trace. `None` where either is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Ratios {
    pub(crate) requests_per_second: Option<f64>,
    pub(crate) cpu: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) pss: Option<f64>,
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
struct Sample {
    round: u32,
    scenario: Scenario,
    peer: Peer,
    figures: Figures,
}

/// What is known of one measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figures {
    pub(crate) requests_per_second: f64,
    /// CPU time of the server's whole tree divided by the requests it answered.
    pub(crate) cpu_us: f64,
    pub(crate) p99_ms: f64,
    /// `None` when the kernel does not let this user see it.
    pub(crate) pss_mib: Option<f64>,
    /// Failed requests; over several rounds their sum.
    pub(crate) errors: u64,
}

/// Runs all rounds.
pub(crate) fn rounds(options: &Options, peers: &[Peer], interrupt: &Interrupt) -> Result<Vec<Row>> {
    let cores = two_cores()?;
    let scenarios: Vec<Scenario> = options
        .scenarios
        .iter()
        .copied()
        .filter(|scenario| {
            let possible = *scenario != Scenario::Pipelined || cores.is_some();
            if !possible {
                eprintln!(
                    "skipped: `pipelined` needs two cores, one for the server and one for wrk"
                );
            }
            possible
        })
        .collect();
    let mut samples = Vec::new();
    let mut order = peers.to_vec();
    for round in 1..=options.rounds {
        for &scenario in &scenarios {
            for &peer in &order {
                interrupt.check()?;
                let figures = measure(peer, scenario, options.duration, cores, interrupt)?;
                eprintln!(
                    "round {round}/{}: {:<10} {:<7} {:>9.0} requests/s {:>7.2} µs",
                    options.rounds,
                    scenario.name(),
                    peer.name(),
                    figures.requests_per_second,
                    figures.cpu_us,
                );
                samples.push(Sample { round, scenario, peer, figures });
            }
        }
        // Whatever changes steadily is to nobody's advantage.
        order.reverse();
    }
    Ok(medians(&scenarios, peers, &samples))
}

/// One measurement on an instance of its own, so that nothing is carried over from another.
fn measure(
    peer: Peer,
    scenario: Scenario,
    duration: Duration,
    cores: Option<[usize; 2]>,
    interrupt: &Interrupt,
) -> Result<Figures> {
    let cores = cores.filter(|_| scenario == Scenario::Pipelined);
    let server = Running::start(peer, WORKERS, cores.map(|[first, _]| first))?;
    let load = Load {
        core: cores.map(|[_, second]| second),
        depth: if scenario == Scenario::Pipelined { DEPTH } else { 1 },
        close: scenario == Scenario::Close,
        duration: WARM_UP,
    };
    load.run(server.address, interrupt)?;
    figures(&server, &Load { duration, ..load }, interrupt)
}

fn figures(server: &Running, load: &Load, interrupt: &Interrupt) -> Result<Figures> {
    let before = process::cpu_time(server.pid());
    let outcome = load.run(server.address, interrupt)?;
    let used = process::cpu_time(server.pid()).saturating_sub(before);
    if outcome.requests == 0 {
        return Err(format!("no request was answered: {:?}", outcome.errors).into());
    }
    let requests = outcome.requests as f64;
    Ok(Figures {
        requests_per_second: requests * 1e6 / outcome.duration_us as f64,
        cpu_us: used.as_secs_f64() * 1e6 / requests,
        p99_ms: outcome.p99_us as f64 / 1e3,
        pss_mib: process::pss_kib(server.pid()).map(|kib| kib as f64 / 1024.0),
        errors: outcome.errors.total(),
    })
}

fn medians(scenarios: &[Scenario], peers: &[Peer], samples: &[Sample]) -> Vec<Row> {
    let pairs =
        scenarios.iter().flat_map(|&scenario| peers.iter().map(move |&peer| (scenario, peer)));
    pairs
        .map(|(scenario, peer)| {
            let of_row = |sample: &&Sample| sample.scenario == scenario && sample.peer == peer;
            let own: Vec<Sample> = samples.iter().filter(of_row).copied().collect();
            let all: Vec<Figures> = own.iter().map(|sample| sample.figures).collect();
            let over = |value: fn(&Figures) -> f64| median(all.iter().map(value).collect());
            let pss: Option<Vec<f64>> = all.iter().map(|figures| figures.pss_mib).collect();
            let figures = Figures {
                requests_per_second: over(|figures| figures.requests_per_second),
                cpu_us: over(|figures| figures.cpu_us),
                p99_ms: over(|figures| figures.p99_ms),
                pss_mib: pss.map(median),
                errors: all.iter().map(|figures| figures.errors).sum(),
            };
            let cpu = all.iter().map(|figures| figures.cpu_us);
            let cpu_range_us = [cpu.clone().fold(f64::NAN, f64::min), cpu.fold(f64::NAN, f64::max)];
            Row { scenario, peer, figures, cpu_range_us, ratios: ratios(&own, samples) }
        })
        .collect()
}

/// Each of a peer's own samples, under one scenario, beside that of plain hyper in the same round.
fn ratios(own: &[Sample], samples: &[Sample]) -> Ratios {
    let base = |own: &Sample| {
        let is_base = |it: &&Sample| {
            (it.round, it.scenario, it.peer) == (own.round, own.scenario, Peer::Hyper)
        };
        samples.iter().find(is_base).map(|base| (own.figures, base.figures))
    };
    let pairs: Vec<(Figures, Figures)> = own.iter().filter_map(base).collect();
    let over = |value: fn(&Figures) -> Option<f64>| {
        let ratio = |(own, base): &(Figures, Figures)| Some(value(own)? / value(base)?);
        let all: Option<Vec<f64>> = pairs.iter().map(ratio).collect();
        all.filter(|all| !all.is_empty()).map(median)
    };
    Ratios {
        requests_per_second: over(|figures| Some(figures.requests_per_second)),
        cpu: over(|figures| Some(figures.cpu_us)),
        p99: over(|figures| Some(figures.p99_ms)),
        pss: over(|figures| figures.pss_mib),
    }
}

/// The middle value; of an even number, the mean of the two in the middle; of none, NaN.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let upper = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[upper],
        _ => f64::midpoint(values[upper - 1], values[upper]),
    }
}

/// Two cores that this process may use.
fn two_cores() -> Result<Option<[usize; 2]>> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    let mut cores = (0..CpuSet::count()).filter(|&core| allowed.is_set(core).unwrap_or(false));
    Ok(cores.next().zip(cores.next()).map(|(first, second)| [first, second]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(round: u32, peer: Peer, cpu_us: f64, pss_mib: Option<f64>) -> Sample {
        let figures = Figures { requests_per_second: 1.0, cpu_us, p99_ms: 1.0, pss_mib, errors: 1 };
        Sample { round, scenario: Scenario::Close, peer, figures }
    }

    #[test]
    fn the_median_is_the_middle_in_any_order() {
        assert_eq!(median(vec![9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(vec![4.0, 1.0]), 2.5);
        assert!(median(vec![]).is_nan());
    }

    #[test]
    fn medians_keep_peers_apart_and_add_errors_up() {
        let samples = [
            sample(1, Peer::Hyper, 3.0, Some(1.0)),
            sample(1, Peer::Nginx, 70.0, Some(1.0)),
            sample(2, Peer::Hyper, 1.0, Some(2.0)),
            sample(3, Peer::Hyper, 2.0, Some(9.0)),
        ];
        let rows = medians(&[Scenario::Close], &[Peer::Hyper, Peer::Nginx], &samples);
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].peer, rows[0].figures.cpu_us), (Peer::Hyper, 2.0));
        assert_eq!((rows[0].figures.pss_mib, rows[0].figures.errors), (Some(2.0), 3));
        assert_eq!(rows[0].cpu_range_us, [1.0, 3.0]);
        assert_eq!((rows[1].peer, rows[1].figures.cpu_us), (Peer::Nginx, 70.0));
    }

    /// A round in which everything takes twice as long changes no ratio.
    #[test]
    fn ratios_are_those_of_each_round() {
        let samples = [
            sample(1, Peer::Hyper, 10.0, None),
            sample(1, Peer::Runner, 8.0, None),
            sample(2, Peer::Runner, 16.0, None),
            sample(2, Peer::Hyper, 20.0, None),
            sample(3, Peer::Hyper, 10.0, None),
            sample(3, Peer::Runner, 9.0, None),
        ];
        let rows = medians(&[Scenario::Close], &[Peer::Hyper, Peer::Runner], &samples);
        let ratios = [rows[0].ratios, rows[1].ratios];
        assert_eq!(ratios.map(|it| it.cpu), [Some(1.0), Some(0.8)]);
        assert_eq!(ratios.map(|it| it.pss), [None, None]);
        let alone = medians(&[Scenario::Close], &[Peer::Runner], &samples[1..2]);
        assert_eq!(alone[0].ratios, Ratios::default());
    }

    #[test]
    fn memory_that_was_hidden_once_is_unknown() {
        let samples = [sample(1, Peer::Hyper, 3.0, Some(1.0)), sample(2, Peer::Hyper, 1.0, None)];
        let rows = medians(&[Scenario::Close], &[Peer::Hyper], &samples);
        assert_eq!(rows[0].figures.pss_mib, None);
    }
}
