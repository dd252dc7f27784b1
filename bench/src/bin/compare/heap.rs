//! What the memory of a master costs when it forks.

use crate::cli::Options;
use crate::figure::{Figure, spread};
use crate::{Interrupt, Result, trial};
use runner_tests::memory;

/// Workers of the program; the respawn of one is timed.
const WORKERS: usize = 2;

pub(crate) fn run(options: &Options, interrupt: &Interrupt) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for mib in [0, options.mib] {
        let start = trial::prepare(WORKERS)?.env("HEAP_MIB", &mib.to_string());
        let program = start.env("RUNNER_SERVER_HEALTHY__MAX_RESTARTS", "1000000").spawn().ready();
        let held = memory(program.pid()) as f64 / f64::from(1 << 20);
        figures.push(Figure::new(format!("{mib} MiB of heap: RSS of the master"), held, "MiB"));
        let mut times = Vec::new();
        for _ in 0..options.count {
            interrupt.check()?;
            std::thread::sleep(options.pause);
            let victim = trial::serving(&program, "healthy").swap_remove(0);
            times.push(trial::kill(&program, &victim)?);
        }
        figures.extend(spread(&format!("{mib} MiB of heap: respawn"), &times));
    }
    Ok(figures)
}
