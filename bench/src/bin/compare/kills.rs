//! Workers that are killed one after the other under load: what clients of the others notice, how
//! long until all are there again, and what it leaves behind in the master.

use crate::cli::Options;
use crate::figure::{Figure, spread};
use crate::process::own_memory;
use crate::{Interrupt, Result, trial};
use runner_tests::{Pinned, Program, Random, Worker, descriptors, memory};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const WORKERS: usize = 8;
const CLIENTS: usize = 16;
/// How long a worker serves until its slot is filled at once if it is killed: a second, and a little.
const STABLE: Duration = Duration::from_millis(1200);
/// How often the master is looked at in a run.
const LOOKS: u32 = 10;
/// What an allocator may hold more or less of at any moment; a leak is more than that by far.
const FLAT_KIB: f64 = 64.0;
/// The run is repeatable.
const SEED: u64 = 1;

/// What a master holds.
#[derive(Clone, Copy, Debug)]
struct Holdings {
    descriptors: usize,
    resident_kib: f64,
    own_kib: f64,
}

pub(crate) fn run(options: &Options, interrupt: &Interrupt) -> Result<Vec<Figure>> {
    let program = trial::prepare(WORKERS)?.env("RUNNER_SERVER_HEALTHY__MAX_RESTARTS", "1000000");
    let program = program.spawn().ready();
    let clients = Pinned::start(program.address("healthy"), CLIENTS);
    let mut random = Random::new(SEED);
    let mut first_seen = BTreeMap::new();
    let mut times = Vec::new();
    let mut looks = Vec::new();
    for kill in 1..=options.count {
        interrupt.check()?;
        let victim = choose(&program, &mut random, &mut first_seen);
        clients.doom(victim.pid);
        times.push(trial::kill(&program, &victim)?);
        if kill % options.count.div_ceil(LOOKS) == 0 {
            let holdings = Holdings::of(&program)?;
            eprintln!("{kill} kills: {holdings:?}");
            looks.push(holdings);
        }
    }
    let requests = clients.answered() as f64;
    let failures = clients.stop();
    failures.iter().for_each(|failure| eprintln!("failed: {failure}"));
    let mut figures = vec![
        Figure::new("workers killed", f64::from(options.count), "kills"),
        Figure::new("requests answered", requests, "requests"),
        Figure::new("requests to other workers that failed", failures.len() as f64, "requests")
            .at_most(0.0),
    ];
    figures.extend(spread("to full strength", &times));
    figures.extend(growth(&looks));
    Ok(figures)
}

/// Any worker that has served for a while: one that dies earlier is in a crash loop, for all that
/// its master can know, and its slot waits.
fn choose(
    program: &Program,
    random: &mut Random,
    first_seen: &mut BTreeMap<i32, Instant>,
) -> Worker {
    loop {
        let now = Instant::now();
        let mut workers = trial::serving(program, "healthy");
        workers.retain(|worker| *first_seen.entry(worker.pid).or_insert(now) + STABLE < now);
        if !workers.is_empty() {
            return workers.swap_remove(random.below(workers.len()));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What the master has gained from the first look to the last.
fn growth(looks: &[Holdings]) -> Vec<Figure> {
    let (Some(first), Some(last)) = (looks.first(), looks.last()) else {
        return Vec::new();
    };
    let descriptors = last.descriptors as f64 - first.descriptors as f64;
    let part = "from the first tenth of the kills to the end";
    vec![
        Figure::new(format!("descriptors of the master, {part}"), descriptors, "more").at_most(0.0),
        Figure::new(format!("its own memory, {part}"), last.own_kib - first.own_kib, "KiB more")
            .at_most(FLAT_KIB),
        Figure::new(format!("RSS, {part}"), last.resident_kib - first.resident_kib, "KiB more"),
    ]
}

impl Holdings {
    fn of(program: &Program) -> Result<Self> {
        let pid = program.pid();
        let own = own_memory(pid).ok_or("the kernel does not show the memory of the master")?;
        Ok(Self {
            descriptors: descriptors(pid).len(),
            resident_kib: memory(pid) as f64 / 1024.0,
            own_kib: own as f64,
        })
    }
}
