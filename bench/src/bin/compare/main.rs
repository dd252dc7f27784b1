//! Measures a runner program against plain hyper, nginx and HAProxy, all in one interleaved run on
//! loopback, and what its supervision does and costs.
//!
//! `README.md` of this crate says how to run it and what each figure means.

mod accept;
mod cli;
mod clients;
mod crash_loop;
mod figure;
mod hang;
mod heap;
mod kills;
mod load;
mod loss;
mod measure;
mod peer;
mod process;
mod report;
mod respawn;
mod restart_one;
mod running;
mod start;
mod trial;

use cli::{Options, Task};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The result of anything that can fail here; the message is shown to the person at the terminal.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    match run(&cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result {
    let interrupt = Interrupt::new()?;
    if cfg!(debug_assertions) {
        eprintln!("warning: a debug build measures nothing of worth; add `--release`");
    }
    peer::build_programs()?;
    // A daemon whose parent ends becomes a child of this process, and so its pid stays its own.
    nix::sys::prctl::set_child_subreaper(true)?;
    let printed = match options.task {
        Task::Measure => {
            load::require_wrk()?;
            let rows = measure::rounds(options, &peer::available(&options.peers), &interrupt)?;
            if options.json { report::json(&rows) } else { report::table(&rows) }
        }
        Task::Loss => {
            let results = loss::run(options, &peer::available(&options.peers), &interrupt)?;
            report::losses(&results, options.json)
        }
        Task::Accept => {
            let pairs = accept::run(options, &interrupt)?;
            if options.json { accept::json(&pairs) } else { accept::table(&pairs) }
        }
        Task::Respawn => {
            let results = respawn::run(options, &peer::available(&options.peers), &interrupt)?;
            report::respawns(&results, options.json)
        }
        Task::Trial(trial) => {
            let figures = trial.run(options, &interrupt)?;
            if options.json { figure::json(&figures) } else { figure::table(&figures) }
        }
    };
    print!("{printed}");
    Ok(())
}

/// Turns an interrupt into an ordinary error, so that everything started is ended on the way out.
struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    fn new() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
        }
        Ok(Self(flag))
    }

    fn check(&self) -> Result {
        if self.0.load(Ordering::Relaxed) {
            return Err("interrupted".into());
        }
        Ok(())
    }
}
