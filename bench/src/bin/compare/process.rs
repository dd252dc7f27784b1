//! What `/proc` knows of a process and its descendants.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

/// `root` and every process below it that is alive now.
pub(crate) fn tree(root: u32) -> Vec<Process> {
    let all: Vec<Process> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Process::read)
        .collect();
    below(root, all)
}

/// The CPU time, user and system, that the tree under `root` has used so far: of the living, and of
/// the dead whose parent is still in the tree.
pub(crate) fn cpu_time(root: u32) -> Duration {
    let ticks: u64 = tree(root).iter().map(|process| process.ticks).sum();
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
}

/// The memory of the tree under `root` in KiB, each shared page divided among those who share it;
/// `None` when the kernel does not let this user see it.
pub(crate) fn pss_kib(root: u32) -> Option<u64> {
    tree(root)
        .iter()
        .map(|process| parse_memory(&fs::read_to_string(process.file("smaps_rollup")).ok()?, "Pss"))
        .sum()
}

/// The memory in KiB that only this process has; `None` when the kernel does not let this user see
/// it.
pub(crate) fn own_memory(pid: i32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    ["Private_Clean", "Private_Dirty"].iter().map(|name| parse_memory(&rollup, name)).sum()
}

/// One process, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    parent: u32,
    /// Own time and that of children it has waited for, user and system.
    ticks: u64,
    /// When it started, in ticks after boot; tells it from a later process of the same pid.
    started: u64,
    /// It has exited, and nobody has waited for it yet.
    ended: bool,
}

impl Process {
    fn read(pid: u32) -> Option<Self> {
        parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Whether this process, and not another that has its pid by now, still runs.
    pub(crate) fn is_alive(&self) -> bool {
        Self::read(self.pid).is_some_and(|now| now.started == self.started && !now.ended)
    }

    /// Whether `root` started it.
    pub(crate) fn is_child_of(&self, root: u32) -> bool {
        self.parent == root
    }

    fn file(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.pid)
    }
}

fn below(root: u32, all: Vec<Process>) -> Vec<Process> {
    let mut pids = BTreeSet::from([root]);
    // A child can have a smaller pid than its parent, so one pass is not enough.
    loop {
        let found = pids.len();
        pids.extend(
            all.iter().filter(|p| pids.contains(&p.parent)).map(|p| p.pid).collect::<Vec<_>>(),
        );
        if pids.len() == found {
            return all.into_iter().filter(|process| pids.contains(&process.pid)).collect();
        }
    }
}

fn parse_stat(text: &str) -> Option<Process> {
    let pid = text.split(' ').next()?.parse().ok()?;
    // The name stands in parentheses and may itself hold spaces and parentheses.
    let fields: Vec<&str> = text.get(text.rfind(')')? + 2..)?.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        ticks: number(11)? + number(12)? + number(13)? + number(14)?,
        started: number(19)?,
        ended: fields.first() == Some(&"Z"),
    })
}

fn parse_memory(rollup: &str, name: &str) -> Option<u64> {
    let mut lines = rollup.lines();
    let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32) -> Process {
        Process { pid, parent, ticks: 0, started: 0, ended: false }
    }

    #[test]
    fn a_name_full_of_parentheses_does_not_shift_the_fields() {
        let text = "7 (a) R (b) S 3 7 7 0 -1 4194560 100 0 0 0 11 12 13 14 20 0 1 0 555 0 0";
        let expected = Process { pid: 7, parent: 3, ticks: 50, started: 555, ended: false };
        assert_eq!(parse_stat(text), Some(expected));
    }

    #[test]
    fn a_cut_line_is_no_process() {
        assert_eq!(parse_stat("7 (a) S 3 7"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn a_tree_holds_grandchildren_and_nobody_else() {
        let all = vec![process(2, 9), process(5, 1), process(9, 4), process(4, 1), process(6, 5)];
        let pids: Vec<u32> = below(4, all).iter().map(|process| process.pid).collect();
        assert_eq!(pids, [2, 9, 4]);
    }

    #[test]
    fn pss_is_found_among_its_namesakes() {
        let rollup = "5500-7fff ---p [rollup]\nRss:  900 kB\nPss:   321 kB\nPss_Anon: 7 kB\n";
        assert_eq!(parse_memory(rollup, "Pss"), Some(321));
        assert_eq!(parse_memory("Rss: 900 kB\n", "Pss"), None);
    }

    #[test]
    fn this_process_is_seen() {
        let own = std::process::id();
        let found = tree(own);
        assert!(found.iter().any(|process| process.pid == own && process.is_alive()));
        assert!(pss_kib(own).is_some_and(|kib| kib > 100));
        assert!(own_memory(own.cast_signed()).is_some_and(|kib| kib > 100));
    }
}
