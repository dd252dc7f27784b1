//! `start`: a daemon, and a launcher that tells the truth.

use crate::{FIXTURE, WORKERS, fixture, free_address, with_pid_file};
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getsid};
use runner_tests::{
    Daemon, Ended, connect, descriptors, eventually, get, proc_status, stat_field, title_of,
};
use std::fs;
use std::net::TcpListener;
use std::path::Path;

/// `start` returns when every server is READY. The daemon has left its terminal, session, directory
/// and mask behind; a stop takes all of it (R4, B5, B17, P58).
#[test]
fn start_returns_when_the_daemon_serves() {
    let address = free_address();
    let started = with_pid_file().args(&["start", &format!("--server.web.bind={address}")]).run();
    assert_eq!(started.code, Some(0), "{}", started.text());
    let daemon = Daemon::at(&started.directory().join("app.pid"));
    assert_eq!(get(address, "/").unwrap().status, 200, "it was not ready");
    let pid = daemon.pid;

    let session = getsid(Some(Pid::from_raw(pid))).unwrap().as_raw();
    assert_ne!(session, getsid(None).unwrap().as_raw());
    assert_ne!(session, pid, "a session leader can get a terminal");
    assert_eq!(stat_field(pid, 7), Some(0), "it has a terminal");
    let parent = stat_field(pid, 4).unwrap();
    let parent = title_of(i32::try_from(parent).unwrap()).unwrap_or_default();
    assert!(!parent.contains("fixture"), "the launcher is still there: {parent}");
    let workers = daemon.workers();
    assert_eq!(workers.len(), WORKERS);
    for pid in workers.iter().map(|worker| worker.pid).chain([pid]) {
        assert_eq!(proc_status(pid)["Umask"], "0027");
        let directory = fs::read_link(format!("/proc/{pid}/cwd")).unwrap();
        assert_eq!(directory, Path::new("/"));
        let standard: Vec<_> = descriptors(pid)
            .into_iter()
            .filter(|(number, _)| *number <= 2)
            .map(|(_, target)| target)
            .collect();
        assert_eq!(standard, ["/dev/null"; 3]);
    }
    daemon.stop(Signal::SIGTERM);
    assert!(!started.directory().join("app.pid").exists());
    assert!(connect(address).is_err());
}

/// `daemonize = true` makes `run` do the same, with the directory and mask that were asked for.
#[test]
fn run_daemonizes_when_so_configured() {
    let started = fixture()
        .file(
            "runner.toml",
            "[master]\ndaemonize = true\npid_file = \"app.pid\"\numask = \"022\"\nworking_directory = \"work\"\n",
        )
        .with(|command| {
            fs::create_dir(command.get_current_dir().unwrap().join("work")).unwrap();
        })
        .run();
    assert_eq!(started.code, Some(0), "{}", started.text());
    let daemon = Daemon::at(&started.directory().join("app.pid"));
    for pid in daemon.workers().iter().map(|worker| worker.pid).chain([daemon.pid]) {
        assert_eq!(proc_status(pid)["Umask"], "0022");
        let directory = fs::read_link(format!("/proc/{pid}/cwd")).unwrap();
        assert_eq!(directory, started.directory().join("work"));
    }
    daemon.stop(Signal::SIGQUIT);
}

/// Relative paths mean the directory of the start, not where the daemon went; what a worker prints
/// when it panics is in the log, without colours for a terminal (P59, B17).
#[test]
fn relative_paths_and_panics_end_up_where_they_should() {
    let terminal = nix::pty::openpty(None, None).unwrap();
    let started = fixture()
        .file(
            "runner.toml",
            "[master]\npid_file = \"app.pid\"\nstdout = \"out.log\"\nstderr = \"err.log\"\n",
        )
        .with(|command| {
            command.stdin(terminal.slave.try_clone().unwrap());
        })
        .args(&["start"])
        .run_on(terminal.slave);
    drop(terminal.master);
    let directory = started.directory();
    let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
    assert_eq!(started.code, Some(0));
    let daemon = Daemon::at(&directory.join("app.pid"));
    assert!(read("out.log").contains("hook start 2 servers"));
    assert!(read("err.log").contains(" ready pid="));
    let address = address_in(&daemon);
    assert_eq!(get(address, "/panic").unwrap().status, 500);
    eventually("the panic is in the log", || {
        read("err.log").contains("told to panic").then_some(())
    });
    daemon.workers()[0].signal(Signal::SIGKILL);
    eventually("the end of a worker is in the log", || {
        read("err.log").contains("crashed, SIGKILL").then_some(())
    });
    daemon.stop(Signal::SIGTERM);
    assert!(read("out.log").contains("hook stop"));
    assert!(!read("err.log").contains('\x1b'), "{}", read("err.log"));
    assert!(!directory.join("app.pid").exists());
}

/// A start that fails says why, with failure, and leaves nothing: no process, no pid file, no
/// listener (B5, B8, P22).
#[test]
fn start_fails_with_the_reason() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = other.local_addr().unwrap().to_string();
    let timeout = ("RUNNER_SERVER_WEB__START_TIMEOUT", "2s");
    let cases: [(&[(&str, &str)], &str); 8] = [
        (&[("RUNNER_SERVER_WEB__USER", "nosuchuser")], "there is no user `nosuchuser`"),
        (&[("RUNNER_SERVER_ECHO__BIND", &busy)], "another program listens there already"),
        (&[("FIXTURE_WORKER", "error")], "no database"),
        (&[("FIXTURE_WORKER", "panic")], "told to panic"),
        (&[("FIXTURE_WORKER", "abort"), timeout], "ended with SIGABRT"),
        (&[("FIXTURE_WORKER", "sleep"), timeout], "not ready"),
        (&[("FIXTURE_START", "fail")], "`start` hook failed: told to fail"),
        (&[("FIXTURE_START", "panic")], "`start` hook failed: panicked"),
    ];
    for (environment, reason) in cases {
        let address = free_address();
        let mut start = with_pid_file()
            .args(&["start", &format!("--server.web.bind={address}")])
            .env("RUNNER_LOG", "off");
        for (name, value) in environment {
            start = start.env(name, value);
        }
        let ended = start.run();
        assert_eq!(ended.code, Some(1), "{reason}: {}", ended.text());
        let told: Vec<_> = ended.lines.iter().filter(|line| line.contains(reason)).collect();
        assert!(!told.is_empty(), "no `{reason}` in: {}", ended.text());
        // At once: whoever starts it again must not be refused because of the failed one.
        assert!(!ended.directory().join("app.pid").exists(), "{reason}");
        assert!(connect(address).is_err(), "{reason}: somebody listens");
        assert_eq!(processes_of(&ended), Vec::<i32>::new(), "{reason}");
    }
}

/// A second `start` is refused with the pid of the first, which is not touched.
#[test]
fn a_second_start_is_refused() {
    let first = with_pid_file().args(&["start"]).run();
    assert_eq!(first.code, Some(0), "{}", first.text());
    let pid_file = first.directory().join("app.pid");
    let daemon = Daemon::at(&pid_file);
    let second =
        runner_tests::Program::new(FIXTURE).args(&["start"]).in_directory(first.directory()).run();
    assert_eq!(second.code, Some(1));
    assert!(second.says(&format!("runs already, with pid {}", daemon.pid)), "{}", second.text());
    assert_eq!(fs::read_to_string(&pid_file).unwrap(), format!("{}\n", daemon.pid));
    assert_eq!(daemon.workers().len(), WORKERS);
}

/// Processes that run in the directory of a program, or that have its pid file open.
fn processes_of(ended: &Ended) -> Vec<i32> {
    let ours = |pid: &i32| {
        let opened = descriptors(*pid);
        let directory = ended.directory().to_string_lossy();
        opened.iter().any(|(_, target)| target.starts_with(&*directory))
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(ours).collect()
}

/// The address of the daemon's http server, from the socket of a worker.
fn address_in(daemon: &Daemon) -> std::net::SocketAddr {
    let web = daemon.workers().into_iter().find(|worker| worker.server() == "web").unwrap();
    runner_tests::listening_address(web.pid).unwrap()
}
