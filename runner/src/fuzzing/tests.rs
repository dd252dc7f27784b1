//! The targets, on their seeds and on changed seeds.

use super::*;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::fs;
use std::path::Path;

#[test]
fn the_supervisor_keeps_its_invariants() {
    check("supervisor", supervisor);
}

#[test]
fn a_ledger_may_say_anything() {
    check("ledger", ledger);
}

#[test]
fn the_pid_file_may_say_anything() {
    check("pid_file", pid_file);
}

#[test]
fn the_configuration_may_be_anything() {
    check("configuration", configuration);
}

#[test]
fn requests_may_be_anything() {
    check("control", control);
}

#[test]
fn what_is_handed_over_may_be_anything() {
    check("hand_over", hand_over);
}

fn check(name: &str, target: fn(&[u8])) {
    let seeds = seeds(name);
    seeds.iter().for_each(|seed| target(seed));
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let done = TestRunner::new(config).run(&changed(seeds), |data| {
        target(&data);
        Ok(())
    });
    done.unwrap_or_else(|error| panic!("{error}"));
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let files = fs::read_dir(&folder).expect("a folder of seeds");
    let seeds = files.map(|file| fs::read(file.expect("a file").path()).expect("readable"));
    let seeds: Vec<_> = seeds.collect();
    assert!(!seeds.is_empty(), "no seed in {}", folder.display());
    seeds
}

/// A seed with some bytes replaced, put in and left out, or any bytes at all.
fn changed(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..4);
    let change = (any::<prop::sample::Index>(), 0..4_usize, bytes);
    let changes = prop::collection::vec(change, 1..5);
    let changed = (prop::sample::select(seeds), changes).prop_map(|(mut data, changes)| {
        for (at, removed, added) in changes {
            let start = at.index(data.len() + 1);
            let end = data.len().min(start + removed);
            data.splice(start..end, added);
        }
        data
    });
    prop_oneof![3 => changed, 1 => prop::collection::vec(any::<u8>(), 0..300)]
}

/// The seed is one that is taken.
#[test]
fn a_worker_is_read_from_its_seed() {
    let seed = include_str!("../../../fuzz/corpus/hand_over/worker");
    assert_eq!(crate::worker::read_parcel(seed).as_deref(), Ok(seed));
}
