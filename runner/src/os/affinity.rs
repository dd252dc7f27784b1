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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_beyond_all_machines_is_an_error() {
        assert!(run_on(&[CpuSet::MAX_CPU]).is_err());
        assert!(!usable_cores().unwrap().is_empty());
    }
}
