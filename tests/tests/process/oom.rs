//! Workers that the kernel kills because memory has run out. That takes the right to make a cgroup;
//! else the test says that it is skipped.

use crate::{FIXTURE, WORKERS};
use nix::sys::signal::Signal;
use runner_tests::{Program, eventually, get};
use std::fs;
use std::path::{Path, PathBuf};

/// The kill of the kernel is told from that of a person, and the worker is replaced either way.
#[test]
fn a_worker_out_of_memory_is_recognised() {
    let Some(cgroup) = Cgroup::with_mebibytes(128) else {
        println!("skipped: no memory cgroup can be made here");
        return;
    };
    let script = "echo $$ > \"$0/cgroup.procs\" && exec \"$1\"";
    let at = cgroup.0.to_str().unwrap();
    let program = Program::new("sh").args(&["-c", script, at, FIXTURE]).spawn().ready();
    const NEWS: &str = "killed by the kernel for want of memory";
    for round in 1..=2 {
        program.workers_of("echo")[0].signal(Signal::SIGKILL);
        program.wait_for_nth("worker ready", WORKERS + 2 * round - 1);
        assert_eq!(program.count(NEWS), round - 1, "a kill of ours is taken for the kernel's");
        assert!(get(program.address("web"), "/eat?512").is_err());
        program.wait_for_nth(NEWS, round);
        program.wait_for_nth("worker ready", WORKERS + 2 * round);
    }
    assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
}

/// A memory cgroup of its own, removed with the test.
struct Cgroup(PathBuf);

impl Cgroup {
    fn with_mebibytes(limit: u64) -> Option<Self> {
        let v1 = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes");
        let v2 = ("/sys/fs/cgroup", "memory.max");
        [v1, v2].into_iter().find_map(|(root, file)| {
            let path = Path::new(root).join(format!("runner-test-{}", std::process::id()));
            fs::create_dir(&path).ok()?;
            let cgroup = Self(path);
            // Nothing is to be swapped out instead.
            let _ = fs::write(cgroup.0.join("memory.swap.max"), "0");
            let _ = fs::write(cgroup.0.join("memory.swappiness"), "0");
            // In a file system that is no cgroup, this file would be made.
            let file = fs::OpenOptions::new().write(true).open(cgroup.0.join(file));
            std::io::Write::write_all(&mut file.ok()?, (limit << 20).to_string().as_bytes())
                .ok()?;
            Some(cgroup)
        })
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // It can be removed when the last process in it is gone.
        eventually("the cgroup is removed", || fs::remove_dir(&self.0).ok());
    }
}
