//! The memory that a process has to itself.

use std::{fs, io};

/// Bytes that would be free again if `pid` ended: its anonymous memory that no other process
/// shares, and its share of what is swapped out.
///
/// Pages that are still the same as in the process it was forked from count nothing, however much
/// that is: they stay when it goes. Neither do pages of files: the kernel can drop those at any
/// time. That is what `RSS` and, in part, `PSS` would count too, and so a big preloaded heap would
/// get workers replaced although that frees nothing.
///
/// Exact numbers cost a walk through the page tables, so first an upper bound is looked at. A
/// result of up to `threshold` may be that bound, one above it is exact; with 0 it always is. The bound (`/proc/PID/status`) takes about 20 µs whatever the size; the walk
/// (`smaps_rollup`, Linux 4.14) about 4 ms for each GiB of touched memory in pages of 4 KiB, while
/// which the process cannot map or unmap memory.
///
/// Fails when the process is gone, or belongs to somebody else and this is not root.
pub(crate) fn private_memory(pid: i32, threshold: u64) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let bound = sum(&status, &["RssAnon:", "VmSwap:"]);
    if bound <= threshold {
        return Ok(bound);
    }
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    Ok(sum(&rollup, &["Private_Dirty:", "SwapPss:"]).min(bound))
}

/// The sum of the lines with these names, in bytes; those that are not there count nothing
/// (proc_pid_status(5), proc_pid_smaps(5)).
fn sum(text: &str, names: &[&str]) -> u64 {
    let value = |line: &str| {
        let (name, value) = line.split_once(char::is_whitespace)?;
        let kibibytes = value.trim().strip_suffix(" kB")?.parse::<u64>().ok()?;
        names.contains(&name).then_some(kibibytes)
    };
    text.lines().filter_map(value).sum::<u64>().saturating_mul(1024)
}
