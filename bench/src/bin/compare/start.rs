//! How long a program with many workers takes to be READY, and what a further worker costs.

use crate::cli::Options;
use crate::figure::{Figure, spread};
use crate::peer::sibling;
use crate::process::pss_kib;
use crate::{Interrupt, Result};
use runner_tests::{Program, Start};
use std::time::{Duration, Instant};

/// Workers whose start is timed.
const MANY: usize = 64;
/// Workers with which the memory is measured.
const SIZES: [usize; 3] = [1, 32, MANY];
/// After READY, for what a start leaves to do.
const SETTLE: Duration = Duration::from_millis(500);

pub(crate) fn run(options: &Options, interrupt: &Interrupt) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for spawn in &options.spawn {
        // An address space of one's own has its price.
        let (most_ms, most_kib) = if spawn == "fork" { (50.0, 250.0) } else { (150.0, 400.0) };
        let mut times = Vec::new();
        for _ in 0..options.count {
            interrupt.check()?;
            let program = prepare(MANY, spawn)?;
            let began = Instant::now();
            let _program = program.spawn().ready();
            times.push(began.elapsed());
        }
        let [median, p99, max] = spread(&format!("{spawn}: start to {MANY} READY workers"), &times);
        figures.extend([median.at_most(most_ms), p99, max]);
        let mut sizes = Vec::new();
        for workers in SIZES {
            interrupt.check()?;
            let kib = tree_kib(prepare(workers, spawn)?)?;
            let what = format!("{spawn}: PSS of the program with {workers} workers");
            figures.push(Figure::new(what, kib, "KiB"));
            sizes.push((workers as f64, kib));
        }
        for pair in sizes.windows(2) {
            let [(few, less), (many, more)] = [pair[0], pair[1]];
            let what = format!("{spawn}: PSS of a further worker, {few} to {many}");
            let each = (more - less) / (many - few);
            figures.push(Figure::new(what, each, "KiB").at_most(most_kib));
        }
    }
    Ok(figures)
}

fn prepare(workers: usize, spawn: &str) -> Result<Start> {
    Ok(Program::new(sibling("bench_server")?)
        .env("RUNNER_SERVER_HELLO__BIND", "127.0.0.1:0")
        .env("RUNNER_SERVER_HELLO__WORKERS", &workers.to_string())
        .env("RUNNER_MASTER__SPAWN", spawn))
}

fn tree_kib(start: Start) -> Result<f64> {
    let program = start.spawn().ready();
    std::thread::sleep(SETTLE);
    let kib = pss_kib(program.pid().cast_unsigned());
    Ok(kib.ok_or("the kernel does not show the memory of the workers")? as f64)
}
