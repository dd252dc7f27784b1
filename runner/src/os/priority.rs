//! Who goes first: in the queue for the processor, and when memory runs out.

use rustix::process::{Resource, getpriority_process, getrlimit, setpriority_process};
use std::{fs, io};

/// Where the kernel keeps the adjustment (proc_pid_oom_score_adj(5)).
const OOM_SCORE_ADJ: &str = "/proc/self/oom_score_adj";

/// The nice value of this process.
pub(crate) fn nice() -> io::Result<i32> {
    Ok(getpriority_process(None)?)
}

/// Sets it, for this thread and those that it will start (setpriority(2), C library differences).
pub(crate) fn set_nice(nice: i32) -> io::Result<()> {
    Ok(setpriority_process(None, nice)?)
}

/// The lowest nice value that this process may take without CAP_SYS_NICE (getrlimit(2)).
pub(crate) fn lowest_nice() -> i32 {
    let limit = getrlimit(Resource::Nice).current.map_or(40, |limit| limit.min(40));
    20 - i32::try_from(limit).unwrap_or(40)
}

/// The adjustment of this process: the higher, the sooner it is killed when memory runs out.
pub(crate) fn oom_score_adj() -> io::Result<i32> {
    let text = fs::read_to_string(OOM_SCORE_ADJ)?;
    text.trim().parse().map_err(|_| io::ErrorKind::InvalidData.into())
}

pub(crate) fn set_oom_score_adj(adjustment: i32) -> io::Result<()> {
    fs::write(OOM_SCORE_ADJ, adjustment.to_string())
}
