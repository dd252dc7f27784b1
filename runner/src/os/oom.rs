//! Which processes the kernel has killed because memory ran out. A `SIGKILL` does not say who sent
//! it; counters of the kernel do.

use std::fs;
use std::path::{Path, PathBuf};

/// A counter of OOM kills, looked at when a process has died of a `SIGKILL`. The kernel counts
/// before it kills, so a death that is noticed has been counted.
#[derive(Debug)]
pub(crate) struct OomWatch {
    counter: Option<Counter>,
    /// The kills that are accounted for.
    seen: u64,
}

/// A file with a line `oom_kill COUNT`.
#[derive(Debug, PartialEq, Eq)]
struct Counter(PathBuf);

impl OomWatch {
    /// Watches the memory cgroup of this process and its children, or the whole machine where that
    /// has none. Where neither counts, nobody is ever killed.
    pub(crate) fn new() -> Self {
        let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let counter = candidates(&cgroups, &mounts).into_iter().find(|file| file.read().is_some());
        let seen = counter.as_ref().and_then(Counter::read).unwrap_or(0);
        Self { counter, seen }
    }

    /// Whether there is a kill that nobody has asked about yet; it is accounted for then. So of
    /// several processes that were killed together, each has a kill of its own.
    pub(crate) fn claim(&mut self) -> bool {
        let claimed = self.count() > self.seen;
        self.seen += u64::from(claimed);
        claimed
    }

    /// Accounts for all kills so far, and returns how many they are: whoever they hit, it was
    /// no process that will still be asked about.
    pub(crate) fn kills_since_last(&mut self) -> u64 {
        let count = self.count();
        let kills = count.saturating_sub(self.seen);
        self.seen = count;
        kills
    }

    fn count(&self) -> u64 {
        self.counter.as_ref().and_then(Counter::read).unwrap_or(self.seen)
    }
}

impl Counter {
    fn read(&self) -> Option<u64> {
        count_in(&fs::read_to_string(&self.0).ok()?)
    }
}

/// Where kills may be counted, the most exact first: of this cgroup alone and with those below it
/// (v2, Linux 4.19 and 5.2), of this cgroup (v1, 4.13), of the machine (4.13).
fn candidates(cgroups: &str, mounts: &str) -> Vec<Counter> {
    let v2 = cgroup_path(cgroups, "").and_then(|path| directory(mounts, "cgroup2", "", path));
    let v1 =
        cgroup_path(cgroups, "memory").and_then(|path| directory(mounts, "cgroup", "memory", path));
    let v2 =
        v2.into_iter().flat_map(|at| [at.join("memory.events.local"), at.join("memory.events")]);
    let v1 = v1.into_iter().map(|at| at.join("memory.oom_control"));
    v2.chain(v1).chain([PathBuf::from("/proc/vmstat")]).map(Counter).collect()
}

/// The path in the hierarchy with this controller (cgroups(7)); that of v2 has none.
fn cgroup_path<'a>(cgroups: &'a str, controller: &str) -> Option<&'a Path> {
    cgroups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let has = fields.next()?.split(',').any(|name| name == controller);
        fields.next().filter(|_| has).map(Path::new)
    })
}

/// Where the cgroup `path` is found in the file system. A container may have only a part of the
/// hierarchy mounted, whose root is in field 4 of a line of proc_pid_mountinfo(5).
fn directory(mounts: &str, kind: &str, controller: &str, path: &Path) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let (root, point) = (mount.next()?, mount.next()?);
        let mut file_system = file_system.split(' ');
        let is_kind = file_system.next()? == kind;
        let options = file_system.nth(1)?;
        let has = controller.is_empty() || options.split(',').any(|name| name == controller);
        let below = path.strip_prefix(root).ok().filter(|_| is_kind && has)?;
        Some(Path::new(point).join(below))
    })
}

fn count_in(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found() {
        const V2: &str = "\
35 24 0:30 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot";
        const V1: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";
        const CONTAINER: &str = "\
612 600 0:32 /docker/4f1a /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory";
        let machine = "/proc/vmstat";
        for (cgroups, mounts, expected) in [
            (
                "0::/system.slice/app.service\n",
                V2,
                &[
                    "/sys/fs/cgroup/system.slice/app.service/memory.events.local",
                    "/sys/fs/cgroup/system.slice/app.service/memory.events",
                    machine,
                ][..],
            ),
            (
                "5:cpu,cpuacct:/\n4:memory:/user/a:b\n0::/\n",
                V1,
                &[
                    "/sys/fs/cgroup/unified/memory.events.local",
                    "/sys/fs/cgroup/unified/memory.events",
                    "/sys/fs/cgroup/memory/user/a:b/memory.oom_control",
                    machine,
                ],
            ),
            (
                "4:memory:/docker/4f1a/inner\n",
                CONTAINER,
                &["/sys/fs/cgroup/memory/inner/memory.oom_control", machine],
            ),
            ("4:memory:/elsewhere\n", CONTAINER, &[machine]),
            ("", "", &[machine]),
            ("::\n:\nmemory\n", " - \n1 2 3 - cgroup2", &[machine]),
        ] {
            let expected: Vec<_> = expected.iter().map(|path| Counter(path.into())).collect();
            assert_eq!(candidates(cgroups, mounts), expected, "{cgroups}");
        }
    }

    #[test]
    fn kills_are_counted() {
        const EVENTS: &str =
            "low 0\nhigh 0\nmax 61\noom 4\noom_kill 3\noom_group_kill 0\nsock_throttled 0\n";
        const CONTROL: &str = "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n";
        const VMSTAT: &str = "nr_free_pages 2187\ndrop_slab 0\noom_kill 11\n";
        for (text, count) in [
            (EVENTS, Some(3)),
            (CONTROL, Some(2)),
            (VMSTAT, Some(11)),
            ("oom 4\n", None),
            ("", None),
        ] {
            assert_eq!(count_in(text), count, "{text}");
        }
    }

    #[test]
    fn each_kill_is_claimed_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let count = |count: u64| fs::write(&file, format!("oom 9\noom_kill {count}\n")).unwrap();
        let mut watch = OomWatch { counter: Some(Counter(file.path().into())), seen: 5 };
        count(5);
        assert!(!watch.claim());
        count(7);
        assert!(watch.claim());
        assert!(watch.claim());
        assert!(!watch.claim());
        count(10);
        assert_eq!(watch.kills_since_last(), 3);
        assert_eq!(watch.kills_since_last(), 0);
        assert!(!watch.claim());
        file.close().unwrap();
        assert!(!watch.claim());
        assert_eq!(watch.kills_since_last(), 0);
    }

    #[test]
    fn a_machine_without_counters_kills_nobody() {
        let mut watch = OomWatch { counter: None, seen: 0 };
        assert!(!watch.claim());
        assert_eq!(watch.kills_since_last(), 0);
    }
}
