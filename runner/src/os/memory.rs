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
/// result of up to `threshold` may be that bound, one above it is exact; with 0 it always is. The bound (`/proc/PID/status`) takes less than 20 µs whatever the size; the walk
/// (`smaps_rollup`, Linux 4.14) about 10 ms for each GiB of memory in pages of 4 KiB, shared or not,
/// and 0.2 ms in huge pages. While it lasts the process waits when it maps or unmaps memory.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    const MIB: u64 = 1 << 20;

    #[test]
    fn own_memory_counts() {
        let own = std::process::id().cast_signed();
        let before = private_memory(own, 0).unwrap();
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        let exact = private_memory(own, 0).unwrap();
        assert!(exact > before + 48 * MIB, "{before} and then {exact}");
        assert!(private_memory(own, u64::MAX).unwrap() > 64 * MIB);
        drop(block);
    }

    fn children(pid: i32) -> Vec<i32> {
        let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        list.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    }

    /// What a process still shares with the one that forked it is not its own; the bound cannot
    /// know that.
    #[test]
    fn memory_shared_since_a_fork_does_not_count() {
        let script = "x=$(head -c 32000000 /dev/zero | tr '\\0' x); (read line; :); :";
        let mut shell = Command::new("sh");
        let mut shell = shell.args(["-c", script]).stdin(Stdio::piped()).spawn().unwrap();
        let began = Instant::now();
        // The children that make the text come before the one that only reads.
        let forked = loop {
            let children = children(shell.id().cast_signed());
            let big = |pid: &i32| private_memory(*pid, u64::MAX).is_ok_and(|all| all > 30 * MIB);
            if let Some(forked) = children.into_iter().find(big) {
                break forked;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "no child that shares memory");
            std::thread::yield_now();
        };
        let exact = private_memory(forked, MIB);
        shell.stdin.take().unwrap().write_all(b"\n").unwrap();
        shell.wait().unwrap();
        assert!(exact.as_ref().is_ok_and(|exact| *exact < 8 * MIB), "{exact:?}");
    }

    #[test]
    fn a_process_that_is_gone_has_no_memory() {
        assert!(private_memory(i32::MAX, 0).is_err());
    }

    #[test]
    fn lines_are_added_up() {
        const STATUS: &str = "\
Name:\tRssAnon: 7 kB
VmRSS:\t  263168 kB
RssAnon:\t    1024 kB
RssFile:\t    8192 kB
VmSwap:\t       3 kB
Threads:\t1
";
        const ROLLUP: &str = "\
55d0-7ffc ---p 00000000 00:00 0                          [rollup]
Rss:              263168 kB
Private_Clean:      4096 kB
Private_Dirty:      2048 kB
Swap:                 12 kB
SwapPss:               6 kB
";
        assert_eq!(sum(STATUS, &["RssAnon:", "VmSwap:"]), 1027 * 1024);
        assert_eq!(sum(ROLLUP, &["Private_Dirty:", "SwapPss:"]), 2054 * 1024);
        assert_eq!(sum("RssAnon: many kB\nRssAnon:\n", &["RssAnon:"]), 0);
    }
}
