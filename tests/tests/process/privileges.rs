//! Users, groups and ports. Most of it takes root; as an ordinary user those tests say that they
//! are skipped.

use crate::{FIXTURE, fixture, with_pid_file};
use nix::sys::signal::Signal;
use nix::unistd::{Group, Uid, User};
use runner_tests::{Program, Start, connect, get, proc_status};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};
use tempfile::TempDir;

/// A user that every system has and that owns nothing.
pub(crate) const NOBODY: &str = "nobody";

/// Workers have the user's ids, all of them, its groups and no other, no capability, and no way
/// back; the master stays root. So it is at the start, after a crash and after a reload (R9, B6,
/// P53).
#[test]
fn workers_become_the_user_for_good() {
    let Some(nobody) = root_and_nobody() else {
        return;
    };
    // The master has groups of its own that the workers must not keep.
    let program = Program::new("setpriv")
        .args(&["--groups", "0,4,24", FIXTURE])
        .env("RUNNER_SERVER_WEB__USER", NOBODY)
        .spawn()
        .ready();
    let group = nobody.gid.to_string();
    let ids = |id: &str| [id; 4].join("\t");
    let check = |program: &Program| {
        for worker in program.workers_of("web") {
            let status = proc_status(worker.pid);
            assert_eq!(status["Uid"], ids(&nobody.uid.to_string()), "{worker:?}");
            assert_eq!(status["Gid"], ids(&group), "{worker:?}");
            assert_eq!(status["Groups"], group, "{worker:?}");
            for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                assert_eq!(status[set], "0000000000000000", "{set} of {worker:?}");
            }
            assert_eq!(status["NoNewPrivs"], "1", "{worker:?}");
            let reply = get(program.address("web"), "/regain").unwrap();
            assert_eq!(reply.text(), "regained: \n");
        }
    };
    check(&program);
    program.workers_of("web")[0].signal(Signal::SIGKILL);
    program.wait_for_nth("worker ready", 4);
    check(&program);
    program.signal(Signal::SIGUSR2);
    crate::settle(&program, 2);
    check(&program);
    let root = ids("0");
    assert_eq!(proc_status(program.pid())["Uid"], root);
    let echo = proc_status(program.workers_of("echo")[0].pid);
    assert_eq!((&echo["Uid"], &*echo["NoNewPrivs"]), (&root, "0"));
}

/// A group beside the user, or alone (B6: it was set after the user, and so never).
#[test]
fn workers_get_the_group() {
    let Some(nobody) = root_and_nobody() else {
        return;
    };
    let Some(group) =
        ["daemon", "bin", "sys"].into_iter().find_map(|name| Group::from_name(name).ok().flatten())
    else {
        println!("skipped: no group to change to");
        return;
    };
    let program = fixture()
        .env("RUNNER_SERVER_WEB__USER", NOBODY)
        .env("RUNNER_SERVER_WEB__GROUP", &group.name)
        .env("RUNNER_SERVER_ECHO__GROUP", &group.name)
        .spawn()
        .ready();
    let gid = group.gid.to_string();
    for worker in program.workers() {
        let status = proc_status(worker.pid);
        assert_eq!(status["Gid"], [gid.as_str(); 4].join("\t"), "{worker:?}");
        assert!(status["Groups"].split(' ').any(|group| group == gid), "{worker:?}");
        let user = if worker.server() == "web" { nobody.uid.to_string() } else { "0".to_owned() };
        assert_eq!(status["Uid"], [user.as_str(); 4].join("\t"), "{worker:?}");
    }
}

/// The master binds and opens before its workers lose the right to: a privileged port, a log that
/// only root may write (B18, B45, P54).
#[test]
fn the_master_binds_and_opens_for_its_workers() {
    if root_and_nobody().is_none() {
        return;
    }
    let privileged = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let Some(port) = (600..1024).find(privileged) else {
        println!("skipped: no privileged port is free");
        return;
    };
    let program = fixture()
        .env("RUNNER_SERVER_WEB__BIND", &format!("127.0.0.1:{port}"))
        .env("RUNNER_SERVER_WEB__USER", NOBODY)
        .env("RUNNER_SERVER_WEB__STDOUT", "web.log")
        .spawn()
        .ready();
    assert_eq!(get(program.address("web"), "/print").unwrap().status, 200);
    let log = program.directory().join("web.log");
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.contains("printed to stdout"), "{text}");
    let mode = std::fs::metadata(&log).unwrap().permissions().mode();
    assert_eq!(mode & 0o007, 0, "others may read the log: {mode:o}");
}

/// Without privilege, what needs it is refused with one line that names the option, its origin and
/// the reason; nothing is started (B6, B8).
#[test]
fn without_privilege_the_start_is_refused() {
    let Some(nobody) = root_and_nobody() else {
        return;
    };
    let bind_is_privileged =
        std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start")
            .is_ok_and(|start| start.trim().parse::<u16>().is_ok_and(|start| start > 80));
    let cases = [
        ("RUNNER_SERVER_WEB__USER", "root", "only root may run workers as `root`"),
        ("RUNNER_SERVER_WEB__GROUP", "root", "only root may run workers as `root`"),
        ("RUNNER_MASTER__PID_FILE", "/proc/app.pid", "cannot use `/proc/app.pid`"),
        ("RUNNER_MASTER__STDERR", "/etc/err.log", "cannot open `/etc/err.log`: Permission denied"),
        (
            "RUNNER_SERVER_WEB__STDOUT",
            "/etc/out.log",
            "cannot open `/etc/out.log`: Permission denied",
        ),
        ("RUNNER_SERVER_WEB__BIND", "127.0.0.1:80", "needs root or CAP_NET_BIND_SERVICE"),
    ];
    for (variable, value, problem) in cases {
        if variable.ends_with("BIND") && !bind_is_privileged {
            println!("skipped: every port may be bound here");
            continue;
        }
        let ended = as_user(&nobody, FIXTURE).env(variable, value).run();
        assert_eq!(ended.code, Some(1), "{}", ended.text());
        assert_eq!(ended.lines.len(), 1, "{}", ended.text());
        assert!(ended.says(problem), "{}", ended.text());
        assert!(ended.says(variable), "no origin: {}", ended.text());
    }
}

/// An ordinary user may name itself, and runs everything else as root does.
#[test]
fn an_ordinary_user_can_run_everything() {
    let Some(nobody) = root_and_nobody() else {
        return;
    };
    let program = as_user(&nobody, FIXTURE)
        .env("RUNNER_SERVER_WEB__USER", NOBODY)
        .env("RUNNER_MASTER__PID_FILE", "app.pid")
        .spawn()
        .ready();
    assert_eq!(get(program.address("web"), "/").unwrap().status, 200);
    program.workers()[0].signal(Signal::SIGKILL);
    program.wait_for_nth("worker ready", 4);
    program.signal(Signal::SIGUSR2);
    crate::settle(&program, 2);
    let ended = program.stop(Signal::SIGTERM);
    assert_eq!(ended.code, Some(0), "{}", ended.text());
    assert!(!ended.directory().join("app.pid").exists());
}

/// A verb of somebody who may not signal the master fails and says so.
#[test]
fn a_stranger_cannot_control_the_program() {
    let Some(nobody) = root_and_nobody() else {
        return;
    };
    let program = with_pid_file().spawn().ready();
    let path = program.directory().join("app.pid");
    std::fs::set_permissions(program.directory(), PermissionsExt::from_mode(0o755)).unwrap();
    let stop = as_user(&nobody, FIXTURE)
        .args(&["stop", &format!("--master.pid_file={}", path.display())])
        .run();
    assert_eq!(stop.code, Some(1), "{}", stop.text());
    assert!(stop.says("cannot signal pid"), "{}", stop.text());
    assert!(connect(program.address("web")).is_ok());
}

/// The unprivileged user, when this process is root; else it says that the test is skipped.
pub(crate) fn root_and_nobody() -> Option<User> {
    let nobody = User::from_name(NOBODY).ok().flatten();
    if !Uid::effective().is_root() || nobody.is_none() {
        println!("skipped: this takes root and a user `{NOBODY}`");
        return None;
    }
    nobody
}

/// A program, started by another user in a directory that belongs to it.
pub(crate) fn as_user(user: &User, executable: &str) -> Start {
    let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
    let start = Program::new(copy_for_all(executable));
    chown(start.directory(), Some(uid), Some(gid)).expect("we are root");
    start.with(|command| {
        command.uid(uid).gid(gid);
    })
}

/// A copy of a program that everybody may execute: the build directory may be out of reach.
pub(crate) fn copy_for_all(executable: &str) -> PathBuf {
    static COPIES: LazyLock<TempDir> = LazyLock::new(|| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let open = PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(directory.path(), open).expect("our directory");
        directory
    });
    static COPIED: Mutex<()> = Mutex::new(());
    let copy = COPIES.path().join(Path::new(executable).file_name().expect("a program"));
    let _one_at_a_time = COPIED.lock();
    if !copy.exists() {
        std::fs::copy(executable, &copy).expect("room for a copy");
    }
    copy
}
