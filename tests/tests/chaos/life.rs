//! The lives of the program: the first master is killed, the last one is told to stop.

use crate::driver::Driver;
use crate::plan::{MOST, Plan, Step};
use crate::program;
use crate::watch::Watch;
use nix::sys::signal::Signal;
use runner_tests::{Ended, Program, Start, descriptors, proc_status, processes_in};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::os::unix::fs::FileTypeExt;
use std::time::{Duration, Instant};

/// How much more memory of its own a master may have after the last calm than after the first. What
/// leaks, leaks with every worker, of which a run has hundreds.
const GROWTH_KIB: u64 = 512;

/// How long workers may outlive their master: the drain of one second, three more after which they
/// end themselves, and time to do so.
const LEFT_WITHIN: Duration = Duration::from_secs(10);

/// Torments the program for about that long, half of it in each life.
pub(crate) fn run(seed: u64, length: Duration, prepare: impl Fn(Start) -> Start) {
    println!("seed {seed}");
    let mut journal = Journal { seed, steps: Vec::new() };
    let mut plan = Plan::new(seed);

    let first = prepare(program()).spawn().ready();
    live(&first, length / 2, &mut plan, &mut journal);
    journal.note("kill the master");
    first.signal(Signal::SIGKILL);
    let killed = Instant::now();
    let second = prepare(program().beside(&first)).spawn().ready();
    let code = first.finish().code;
    assert_eq!(code, None, "the first master was not killed");
    let after = killed.elapsed();
    assert!(after < LEFT_WITHIN, "workers outlived their master by {after:?}");

    live(&second, length / 2, &mut plan, &mut journal);
    journal.note("stop");
    let ended = second.stop(Signal::SIGQUIT);
    assert_eq!(ended.code, Some(0), "{}", ended.text());
    assert_nothing_left(&ended);
}

/// The life of one master, to its last calm.
fn live(program: &Program, length: Duration, plan: &mut Plan, journal: &mut Journal) {
    let addresses = ["web", "echo"].map(|server| (server, program.address(server)));
    let watch = Watch::over(program, addresses.map(|(_, address)| address).to_vec());
    let mut driver = Driver::of(program, &watch, BTreeMap::from(addresses));
    let _log = Log(program);
    let began = Instant::now();
    // As many workers as there ever will be: from then on each slot has its sockets.
    plan.begin_life();
    for _ in 0..MOST {
        driver.carry_out(Step::Scale(1));
    }
    let mut costs = vec![calm(&mut driver, program, journal)];
    while began.elapsed() < length || costs.len() < 3 {
        for step in plan.storm() {
            journal.note(step);
            driver.carry_out(step);
        }
        costs.push(calm(&mut driver, program, journal));
    }
    assert_flat(&costs);
}

fn calm(driver: &mut Driver<'_>, program: &Program, journal: &mut Journal) -> Cost {
    let took = driver.calm();
    let cost = Cost::of(program);
    println!("calm after {took:?}: {cost:?}");
    journal.note(format_args!("calm: {took:?}"));
    cost
}

/// What a master holds when all is well.
#[derive(Debug)]
struct Cost {
    workers: usize,
    descriptors: usize,
    own_kib: u64,
}

impl Cost {
    fn of(program: &Program) -> Self {
        let status = proc_status(program.pid());
        let own = status["RssAnon"].trim_end_matches(" kB");
        Self {
            workers: program.workers().len(),
            descriptors: descriptors(program.pid()).len(),
            own_kib: own.parse().expect("a number"),
        }
    }
}

/// Each worker costs its master the same few descriptors, and nothing else does; its memory does
/// not grow.
fn assert_flat(costs: &[Cost]) {
    let others = |share| -> Vec<_> {
        costs.iter().map(|cost| cost.descriptors.checked_sub(share * cost.workers)).collect()
    };
    let flat = (1..=4).any(|share| others(share).windows(2).all(|pair| pair[0] == pair[1]));
    assert!(flat, "the master gains descriptors: {costs:?}");
    // The first storm shows it what it has never done before.
    let (early, last) = (costs[1].own_kib, costs[costs.len() - 1].own_kib);
    assert!(last <= early + GROWTH_KIB, "the master grows: {costs:?}");
}

/// No process, no pid file, no socket.
fn assert_nothing_left(ended: &Ended) {
    let directory = ended.directory().canonicalize().expect("the program's directory");
    assert_eq!(processes_in(&directory), Vec::<i32>::new());
    for entry in std::fs::read_dir(directory).expect("the program's directory") {
        let entry = entry.expect("a readable entry");
        let (name, kind) = (entry.file_name(), entry.file_type().expect("a kind"));
        assert!(name != "app.pid" && !kind.is_socket(), "{name:?} is left behind");
    }
}

/// What was done, for whoever reads a failure.
struct Journal {
    seed: u64,
    steps: Vec<String>,
}

impl Journal {
    fn note(&mut self, step: impl Display) {
        self.steps.push(step.to_string());
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("to see it again: CHAOS_SEED={}; so far:", self.seed);
            for step in &self.steps {
                println!("  {step}");
            }
        }
    }
}

/// What the program has said, for the same reader.
struct Log<'a>(&'a Program);

impl Drop for Log<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the program's log:\n{}", self.0.output().join("\n"));
        }
    }
}
