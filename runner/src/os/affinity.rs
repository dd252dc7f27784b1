//! The cores that a process runs on (sched_setaffinity(2)).

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;

/// The cores that this thread may use, ascending: those of the machine that neither a cgroup nor
/// whoever started the program has taken away.
///
/// # Errors
/// On a machine with more than [`CpuSet::MAX_CPU`] cores.
pub(crate) fn usable_cores() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect())
}

/// Runs this thread, and those that it will start, on these cores only.
///
/// # Errors
/// When none of the cores may be used.
pub(crate) fn run_on(cores: &[usize]) -> io::Result<()> {
    if cores.iter().any(|core| CpuSet::MAX_CPU <= *core) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    Ok(sched_setaffinity(None, &set)?)
}

/// The core of a slot's worker when each shall have one: round robin over the usable ones.
///
/// Ascending numbers are a good order: nearly all machines number the second threads of their
/// cores after the first ones.
pub(crate) fn core_of_slot(slot: u32, usable: &[usize]) -> Option<usize> {
    let turn = usize::try_from(slot).ok()?.checked_rem(usable.len())?;
    usable.get(turn).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_take_turns() {
        let check = |usable: &[usize], expected: &[Option<usize>]| {
            let cores: Vec<_> = (0..).take(expected.len()).map(|slot| core_of_slot(slot, usable));
            assert_eq!(cores, expected);
        };
        check(&[0, 1, 2], &[Some(0), Some(1), Some(2), Some(0), Some(1)]);
        check(&[5, 9], &[Some(5), Some(9), Some(5)]);
        check(&[7], &[Some(7), Some(7)]);
        check(&[], &[None, None]);
    }

    #[test]
    fn a_core_beyond_all_machines_is_an_error() {
        assert!(run_on(&[CpuSet::MAX_CPU]).is_err());
        assert!(!usable_cores().unwrap().is_empty());
    }
}
