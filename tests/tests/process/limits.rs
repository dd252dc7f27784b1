//! What workers are allowed and limited to, as they see it themselves and as others see it.

use crate::privileges::{NOBODY, as_user, copy_for_all, root_and_nobody};
use nix::sys::signal::Signal;
use runner_tests::{Program, Start, descriptors, get, proc_status, stat_field};
use rustix::fs::{StatVfsMountFlags, statvfs};
use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const CONFINED: &str = env!("CARGO_BIN_EXE_confined");

/// Workers may have as many descriptors as the hard limit allows; the master stays as it was
/// started.
#[test]
fn workers_may_open_as_many_files_as_there_can_be() {
    let program = Program::new("prlimit").args(&["--nofile=200:300", CONFINED]).spawn().ready();
    program.wait_for_nth("nofile=Some(300)", 2);
    assert_eq!(limit(program.pid(), "Max open files"), ("200".to_owned(), "300".to_owned()));
    let check = |program: &Program| {
        for worker in program.workers() {
            let (soft, hard) = limit(worker.pid, "Max open files");
            assert_eq!((&*soft, &*hard), ("300", "300"), "{worker:?}");
        }
    };
    check(&program);
    program.workers()[0].signal(Signal::SIGKILL);
    program.wait_for_nth("nofile=Some(300)", 3);
    check(&program);
    assert_eq!(get(program.address("confined"), "/").unwrap().status, 200);
}

/// What takes no root: seen by the worker before its own code runs, and by everybody else, at the
/// start, after a crash and after a reload.
#[test]
fn options_that_need_no_root_hold() {
    let program = confined()
        .env("RUNNER_MASTER__UMASK", "027")
        .env("RUNNER_SERVER_CONFINED__NICE", "19")
        .env("RUNNER_SERVER_CONFINED__OOM_SCORE_ADJ", "1000")
        .env("RUNNER_SERVER_CONFINED__NO_NEW_PRIVS", "true")
        .env("RUNNER_SERVER_CONFINED__CPU_AFFINITY", "auto")
        .env("RUNNER_SERVER_CONFINED__RLIMITS__NOFILE", "128")
        .env("RUNNER_SERVER_CONFINED__RLIMITS__CORE", "0")
        .env("RUNNER_SERVER_CONFINED__RLIMITS__FSIZE", "1GiB")
        .spawn()
        .ready();
    let seen = "umask=027 nice=19 cores=1 nofile=Some(128)";
    program.wait_for_nth(seen, 2);
    let usable = cores(program.pid());
    let check = |program: &Program| {
        for worker in program.workers() {
            let status = proc_status(worker.pid);
            assert_eq!(status["NoNewPrivs"], "1", "{worker:?}");
            let slot = usize::from(worker.title.contains(" 1/"));
            assert_eq!(cores(worker.pid), [usable[slot % usable.len()]], "{worker:?}");
            let oom = fs::read_to_string(format!("/proc/{}/oom_score_adj", worker.pid)).unwrap();
            assert_eq!(oom.trim(), "1000", "{worker:?}");
            // proc_pid_stat(5), field 19.
            assert_eq!(stat_field(worker.pid, 19), Some(19), "{worker:?}");
            for (name, most) in [
                ("Max open files", "128"),
                ("Max core file size", "0"),
                ("Max file size", "1073741824"),
            ] {
                let most = most.to_owned();
                assert_eq!(limit(worker.pid, name), (most.clone(), most), "{name} of {worker:?}");
            }
        }
    };
    check(&program);
    program.workers()[0].signal(Signal::SIGKILL);
    program.wait_for_nth(seen, 3);
    check(&program);
    program.signal(Signal::SIGUSR2);
    program.wait_for_workers(2, 2);
    program.wait_for_nth(seen, 5);
    check(&program);
    // The master itself is as it was.
    assert_eq!(proc_status(program.pid())["NoNewPrivs"], "0");
    assert_eq!(stat_field(program.pid(), 19), stat_field(std::process::id().cast_signed(), 19));
}

/// Workers in a directory without `/proc`, users or anything else serve, as another user, and are
/// replaced like all others.
#[test]
fn workers_serve_in_an_empty_root_directory() {
    let Some(nobody) = root_and_nobody() else {
        return;
    };
    let start = confined()
        .env("RUNNER_SERVER_CONFINED__USER", NOBODY)
        .env("RUNNER_SERVER_CONFINED__STDOUT", "worker.log");
    let room = start.directory().join("room");
    fs::create_dir(&room).unwrap();
    let program =
        start.env("RUNNER_SERVER_CONFINED__CHROOT", room.to_str().unwrap()).spawn().ready();
    let check = |program: &Program| {
        for worker in program.workers() {
            assert_eq!(fs::read_link(format!("/proc/{}/root", worker.pid)).unwrap(), room);
            assert_eq!(fs::read_link(format!("/proc/{}/cwd", worker.pid)).unwrap(), room);
            let uid = proc_status(worker.pid)["Uid"].clone();
            assert!(uid.starts_with(&nobody.uid.to_string()), "{uid}");
            // An open directory outside would be a way out.
            for (_, path) in descriptors(worker.pid) {
                assert!(!Path::new(&path).is_dir(), "{worker:?} has {path}");
            }
        }
        let address = program.address("confined");
        assert_eq!(get(address, "/").unwrap().text(), "hello\n");
        assert_eq!(get(address, "/regain").unwrap().text(), "regained: ");
    };
    check(&program);
    program.workers()[0].signal(Signal::SIGKILL);
    program.wait_for_nth("worker ready", 3);
    check(&program);
    program.signal(Signal::SIGUSR2);
    program.wait_for_workers(2, 2);
    check(&program);
    let log = fs::read_to_string(program.directory().join("worker.log")).unwrap();
    assert!(log.contains("directory=/\n"), "{log}");
}

/// A worker that keeps `net_bind_service` binds a port below 1024, and has no other power and no
/// way back (P53).
#[test]
fn a_kept_capability_is_the_only_one() {
    if root_and_nobody().is_none() {
        return;
    }
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let Some(port) = (400..600).find(is_free).filter(|_| ports_are_privileged()) else {
        println!("skipped: no privileged port is free");
        return;
    };
    let check = |kept: &str, bound: &str, set: &str| {
        let program = confined()
            .env("RUNNER_SERVER_CONFINED__USER", NOBODY)
            .env("RUNNER_SERVER_CONFINED__CAPABILITIES", kept)
            .spawn()
            .ready();
        let address = program.address("confined");
        let reply = get(address, &format!("/bind?127.0.0.1:{port}")).unwrap();
        assert_eq!(reply.text(), bound);
        assert_eq!(get(address, "/regain").unwrap().text(), "regained: ");
        for worker in program.workers() {
            let status = proc_status(worker.pid);
            for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                assert_eq!(status[name], set, "{name} of {worker:?}");
            }
        }
    };
    check("net_bind_service", "bound", "0000000000000400");
    check("", "permission denied", "0000000000000000");
}

/// A program with the set-user bit of root runs as the worker's user, unless that is switched off.
#[test]
fn set_user_programs_give_nothing() {
    let Some(nobody) = root_and_nobody() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    if statvfs(directory.path()).unwrap().f_flag.contains(StatVfsMountFlags::NOSUID) {
        println!("skipped: the temporary directory is mounted `nosuid`");
        return;
    }
    let id = directory.path().join("id");
    fs::copy("/usr/bin/id", &id).unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&id, Permissions::from_mode(0o4755)).unwrap();
    let check = |start: Start, expected: &str| {
        let program = start.env("RUNNER_SERVER_CONFINED__USER", NOBODY).spawn().ready();
        let reply = get(program.address("confined"), &format!("/run?{}", id.display())).unwrap();
        assert_eq!(reply.text().trim(), expected);
    };
    check(confined(), &nobody.uid.to_string());
    check(confined().env("RUNNER_SERVER_CONFINED__NO_NEW_PRIVS", "false"), "0");
}

/// What cannot be had is told before anything is started: the option, its origin and the fix.
#[test]
fn what_cannot_be_had_is_refused() {
    let check = |start: Start, option: &str, value: &str, problem: &str| {
        let variable =
            format!("RUNNER_SERVER_CONFINED__{}", option.replace('.', "__").to_uppercase());
        let ended = start.env(&variable, value).run();
        assert_eq!(ended.code, Some(1), "{}", ended.text());
        assert_eq!(ended.lines.len(), 1, "{}", ended.text());
        assert!(ended.says(&format!("server.confined.{option}: ")), "{}", ended.text());
        assert!(ended.says(problem), "no `{problem}` in {}", ended.text());
        assert!(ended.says(&variable), "no origin: {}", ended.text());
    };
    check(confined(), "cpu_affinity", "1000", "may not use the cores [1000]");
    check(confined(), "chroot", "/nowhere", "`/nowhere` is no directory");
    check(confined(), "rlimits.nofile", "unlimited", "which the kernel allows");
    let Some(nobody) = root_and_nobody() else {
        return;
    };
    let as_root = || confined().env("RUNNER_SERVER_CONFINED__USER", NOBODY);
    check(as_root(), "capabilities", "setuid", "whoever has `setuid` can become root again");
    let as_nobody = || as_user(&nobody, CONFINED);
    check(as_nobody(), "chroot", "/", "it takes CAP_SYS_CHROOT; start as root");
    check(as_nobody(), "nice", "-5", "-5 is a higher priority than that of the master");
    check(as_nobody(), "oom_score_adj", "-500", "takes CAP_SYS_RESOURCE");
    check(as_nobody(), "capabilities", "net_raw", "the master does not have `net_raw` itself");
    check(as_nobody(), "user", "root", "only root may run workers as `root`");
    let executable = copy_for_all(CONFINED);
    let limited = as_user(&nobody, "/usr/bin/prlimit")
        .args(&["--nofile=200:300", executable.to_str().unwrap()]);
    let text = "301 is more than the 300 that the master may have";
    check(limited, "rlimits.nofile", "301", text);
}

fn confined() -> Start {
    Program::new(CONFINED)
}

/// The cores that a process may use.
fn cores(pid: i32) -> Vec<usize> {
    let list = proc_status(pid)["Cpus_allowed_list"].clone();
    let number = |text: &str| text.parse::<usize>().expect("a core");
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        number(first)..=number(last)
    };
    list.split(',').flat_map(range).collect()
}

fn ports_are_privileged() -> bool {
    let start = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    start.is_ok_and(|start| start.trim().parse::<u16>().is_ok_and(|start| 600 <= start))
}

/// The soft and the hard limit of a process, by their name in /proc/PID/limits.
fn limit(pid: i32, name: &str) -> (String, String) {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("a process");
    let line = limits.lines().find_map(|line| line.strip_prefix(name)).expect("a limit");
    let mut values = line.split_whitespace().map(str::to_owned);
    (values.next().expect("a soft limit"), values.next().expect("a hard limit"))
}
