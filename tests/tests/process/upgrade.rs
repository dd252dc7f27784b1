//! Upgrades in place: the same process goes on with another program, or with the one before.

use nix::sys::signal::Signal;
use runner_tests::{
    Daemon, Ended, PATIENCE, Program, Start, children_of, eventually, executable_of, get, is_alive,
    listeners, load, sockets, workers_of,
};
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const VERSIONED: &str = env!("CARGO_BIN_EXE_versioned");

/// A program that was deployed into its own directory, as `app`, in some version.
struct Deployment {
    program: Program,
}

/// What a worker says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Who {
    version: u32,
    pid: i32,
    generation: u32,
}

/// Enough for a client to find the program.
const CLIENT: &str = "[master]\npid_file = \"app.pid\"\n";

/// Prepares version 1, and `client`, which is of that version for ever.
fn deployed(configuration: &str) -> Start {
    let start = Program::new("./app");
    let directory = start.directory();
    install("1", &directory.join("app"));
    install("1", &directory.join("client"));
    let start = start.file("client.toml", CLIENT);
    start.file("runner.toml", &format!("[master]\npid_file = \"app.pid\"\n{configuration}"))
}

/// Puts a version where maybe another one is, as installers do: the file of one that runs cannot be
/// written to.
fn install(version: &str, path: &Path) {
    let new = path.with_extension("new");
    fs::copy(VERSIONED, &new).unwrap();
    let mut file = OpenOptions::new().append(true).open(&new).unwrap();
    // What is read of the end.
    write!(file, "{}\nversion: {version}", " ".repeat(512)).unwrap();
    drop(file);
    fs::rename(new, path).unwrap();
}

impl Deployment {
    fn new(configuration: &str) -> Self {
        Self { program: deployed(configuration).spawn().ready() }
    }

    fn deploy(&self, version: &str) {
        install(version, &self.executable());
    }

    fn executable(&self) -> PathBuf {
        self.program.directory().join("app")
    }

    fn verb(&self, arguments: &[&str]) -> Ended {
        self.program.verb(arguments)
    }

    fn upgrade(&self) -> Ended {
        self.verb(&["upgrade"])
    }

    /// The verb of a program of version 1, for that of the new one may not work, with a
    /// configuration that has no mistake.
    fn ask(&self, verb: &str) -> Ended {
        let client = Program::new("./client").beside(&self.program);
        client.args(&["--config", "client.toml", verb]).run()
    }

    /// Upgrades, and that succeeds.
    fn upgraded_to(&self, version: &str) {
        self.deploy(version);
        let upgrade = self.upgrade();
        assert_eq!(upgrade.code, Some(0), "{}\n{}", upgrade.text(), self.log());
        assert!(upgrade.says("upgraded: "), "{}", upgrade.text());
    }

    fn web(&self) -> SocketAddr {
        self.program.address("web")
    }

    fn pids(&self) -> BTreeSet<i32> {
        self.program.workers().iter().map(|worker| worker.pid).collect()
    }

    fn log(&self) -> String {
        self.program.output().join("\n")
    }

    /// Waits until there are so many workers and only those of this version answer.
    fn settle(&self, version: u32, workers: usize) {
        eventually("only workers of one version are left", || {
            let all = self.program.workers();
            let serve = all.iter().all(|worker| worker.serving_generation().is_some());
            let alone = children_of(self.program.pid()).len() == workers;
            (all.len() == workers && serve && alone).then_some(())?;
            (0..8).all(|_| who(self.web()).version == version).then_some(())
        });
    }
}

fn who(address: SocketAddr) -> Who {
    let reply = get(address, "/").unwrap().text();
    let number = |name: &str| {
        let mut words = reply.split_whitespace().skip_while(|word| *word != name).skip(1);
        words.next().and_then(|number| number.parse::<u32>().ok()).expect(&reply)
    };
    let pid = number("pid").cast_signed();
    Who { version: number("version"), pid, generation: number("generation") }
}

/// The same process and the same sockets serve with other programs, and no request fails (P2, P4).
#[test]
fn upgrades_under_load_lose_no_request() {
    let deployment = Deployment::new("");
    let load = load(deployment.web(), 8);
    let (pid, listening) = (deployment.program.pid(), listeners(deployment.program.pid()));
    for version in 2..=4 {
        let answered = load.answered();
        deployment.upgraded_to(&version.to_string());
        eventually("the load goes on", || (load.answered() > answered + 50).then_some(()));
        assert_eq!(listeners(pid), listening);
    }
    let answered = load.answered();
    assert_eq!(load.stop(), Vec::<String>::new(), "of {answered} requests");
    deployment.settle(4, 4);
    assert_eq!(deployment.program.count("hook start version"), 4);
    assert_eq!(deployment.program.stop(Signal::SIGTERM).code, Some(0));
}

/// Whatever is wrong with the new program: the upgrade says it in time, the old workers never
/// stopped, and the next upgrade works (P15, P22).
#[test]
fn a_program_that_cannot_take_over_changes_nothing() {
    for (fault, reason) in [
        ("panic", "told to panic"),
        ("hang", "it was not done in time"),
        ("quit", "it is no program of this kind"),
        ("preload-error", "nothing to load"),
        ("start-error", "no licence"),
        ("worker-error", "no database"),
        ("worker-abort", "SIGABRT"),
        ("worker-hang", "not ready"),
    ] {
        let times = "start_timeout = \"3s\"\n";
        let deployment = Deployment::new(&format!("[server.web]\n{times}[server.raw]\n{times}"));
        let (pid, before) = (deployment.program.pid(), deployment.pids());
        deployment.deploy(&format!("2 {fault}"));
        let began = Instant::now();
        let upgrade = deployment.ask("upgrade");
        assert_eq!(upgrade.code, Some(1), "{fault}: {}", upgrade.text());
        assert!(upgrade.says(reason), "{fault}: {}\n{}", upgrade.text(), deployment.log());
        assert!(began.elapsed() < Duration::from_secs(20), "{fault}");
        assert_eq!(deployment.program.pid(), pid);
        deployment.settle(1, before.len());
        // By the end of the reload all workers were new, and then they have changed back.
        assert!(fault == "start-error" || deployment.pids() == before, "{fault}");
        deployment.upgraded_to("3");
        deployment.settle(3, 4);
    }
}

/// A failure after some workers have changed: those change back.
#[test]
fn a_late_failure_is_undone_as_well() {
    let deployment = Deployment::new("");
    deployment.deploy("2 second-aborts");
    let upgrade = deployment.upgrade();
    assert_eq!(upgrade.code, Some(1), "{}", upgrade.text());
    deployment.settle(1, 4);
    deployment.upgraded_to("3");
    deployment.settle(3, 4);
}

/// A configuration that the new program cannot use is found before anything changes; and one that
/// only the new program can use does not keep the old one from going on when that fails.
#[test]
fn the_configuration_is_that_of_its_program() {
    let deployment = Deployment::new("");
    let pid = deployment.program.pid();
    let (listening, open) = (listeners(pid), runner_tests::descriptors(pid).len());
    let file = deployment.program.directory().join("runner.toml");
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{good}[server.more]\nworkers = 1\n")).unwrap();
    deployment.deploy("2");
    let upgrade = deployment.ask("upgrade");
    assert_eq!(upgrade.code, Some(1), "{}", upgrade.text());
    assert!(upgrade.says("server.more: unknown server"), "{}", upgrade.text());

    deployment.deploy("3 servers=web,raw,more second-aborts");
    let upgrade = deployment.upgrade();
    assert_eq!(upgrade.code, Some(1), "{}", upgrade.text());
    assert!(upgrade.says("SIGABRT"), "{}", upgrade.text());
    deployment.settle(1, 4);
    // Nothing is left of the server that only the new program has.
    assert_eq!(listeners(pid), listening);
    assert_eq!(runner_tests::descriptors(pid).len(), open);

    deployment.upgraded_to("4 servers=web,raw,more");
    deployment.settle(4, 5);
}

/// Servers come and go with the versions, and so do workers.
#[test]
fn servers_and_workers_may_be_others() {
    let deployment = Deployment::new("");
    let raw = deployment.program.address("raw");
    let web = listeners_of(&deployment, "web");
    deployment.upgraded_to("2 servers=web,more workers=3");
    deployment.settle(2, 6);
    let more = deployment.program.address("more");
    assert_eq!(who(more).version, 2);
    assert!(std::net::TcpStream::connect(raw).is_err(), "a server that is gone still listens");
    assert!(web.is_subset(&listeners_of(&deployment, "web")));
    let status = deployment.verb(&["status"]);
    assert!(status.says("more") && !status.says("raw"), "{}", status.text());
    deployment.upgraded_to("3 servers=more,web workers=1");
    deployment.settle(3, 2);
    assert_eq!(who(more).version, 3);
    assert_eq!(deployment.program.stop(Signal::SIGQUIT).code, Some(0));
}

/// The sockets that the workers of a server listen on.
fn listeners_of(deployment: &Deployment, server: &str) -> BTreeSet<u64> {
    let workers = deployment.program.workers_of(server);
    workers.iter().flat_map(|worker| listeners(worker.pid)).collect()
}

/// The old executable may be gone, in whatever way; without a new one nothing happens.
#[test]
fn the_old_executable_is_not_needed() {
    let deployment = Deployment::new("");
    fs::remove_file(deployment.executable()).unwrap();
    let upgrade = deployment.ask("upgrade");
    assert_eq!(upgrade.code, Some(1), "{}", upgrade.text());
    assert!(upgrade.says("app`: No such file or directory"), "{}", upgrade.text());
    // An upgrade that is undone executes a file that has no name any more.
    deployment.deploy("2 worker-error");
    assert_eq!(deployment.upgrade().code, Some(1));
    deployment.settle(1, 4);
    deployment.upgraded_to("3");
    deployment.settle(3, 4);
}

/// One at a time, and a change of another kind has to wait as well.
#[test]
fn a_second_upgrade_is_refused_meanwhile() {
    let times = "start_timeout = \"3s\"\n";
    let deployment = Deployment::new(&format!("[server.web]\n{times}[server.raw]\n{times}"));
    deployment.deploy("2 hang");
    let program = &deployment.program;
    std::thread::scope(|scope| {
        let first = scope.spawn(|| deployment.ask("upgrade"));
        program.wait_for("request=Upgrade");
        for verb in ["upgrade", "reload"] {
            let second = deployment.ask(verb);
            assert_eq!(second.code, Some(1), "{}", second.text());
            assert!(second.says("an upgrade is under way"), "{}", second.text());
        }
        assert_eq!(first.join().unwrap().code, Some(1));
    });
}

/// A stop does not wait for an upgrade, wherever that is (P16).
#[test]
fn a_stop_ends_an_upgrade() {
    for fault in ["hang", "worker-hang"] {
        let deployment = Deployment::new("");
        deployment.deploy(&format!("2 {fault}"));
        std::thread::scope(|scope| {
            let upgrade = scope.spawn(|| deployment.ask("upgrade"));
            match fault {
                "hang" => {
                    eventually("the new program is tried", || {
                        (children_of(deployment.program.pid()).len() == 5).then_some(())
                    });
                }
                _ => {
                    eventually("a new worker starts", || {
                        let workers = deployment.program.workers();
                        workers.iter().any(|it| it.title.contains("/2")).then_some(())
                    });
                }
            }
            deployment.program.signal(Signal::SIGTERM);
            assert_eq!(upgrade.join().unwrap().code, Some(1), "{fault}");
        });
        let pid = deployment.program.pid();
        let ended = deployment.program.finish();
        assert_eq!(ended.code, Some(0), "{fault}: {}", ended.text());
        assert!(!is_alive(pid));
    }
}

/// What was scaled stays so, what has happened is remembered, and generations go on.
#[test]
fn what_was_known_is_known_after_it() {
    let deployment = Deployment::new("");
    assert_eq!(deployment.verb(&["scale", "web", "3"]).code, Some(0));
    let before = deployment.pids();
    let _ = get(deployment.web(), "/exit");
    let doomed = eventually("a worker is replaced", || {
        let now = deployment.pids();
        let gone = before.difference(&now).next().copied();
        gone.filter(|_| now.len() == 5)
    });
    assert_eq!(deployment.verb(&["reload"]).code, Some(0));
    deployment.upgraded_to("2");
    deployment.settle(2, 5);
    assert_eq!(who(deployment.web()).generation, 3);
    let why = deployment.verb(&["why"]);
    assert!(why.says("SIGABRT") && why.says(&doomed.to_string()), "{}", why.text());
    let status = deployment.verb(&["status"]);
    assert!(status.says("generation 3"), "{}", status.text());
    // The new program supervises what it forked, and what it was given.
    let _ = get(deployment.web(), "/exit");
    deployment.settle(2, 5);
}

/// The pid file names a master that lives and the port answers, at every moment (P24).
#[test]
fn it_is_there_all_the_time() {
    let deployment = Deployment::new("");
    let (pid, web) = (deployment.program.pid(), deployment.web());
    let pid_file = deployment.program.directory().join("app.pid");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut looks = 0_u32;
            let began = Instant::now();
            // Not for ever, should an upgrade fail.
            while !done.load(Ordering::Relaxed) && began.elapsed() < PATIENCE {
                let number = fs::read_to_string(&pid_file).unwrap();
                assert_eq!(number, format!("{pid}\n"));
                assert!(is_alive(pid));
                std::net::TcpStream::connect(web).unwrap();
                looks += 1;
                std::thread::park_timeout(Duration::from_millis(1));
            }
            looks
        });
        for version in 2..=4 {
            deployment.upgraded_to(&version.to_string());
        }
        done.store(true, Ordering::Relaxed);
        assert!(watch.join().unwrap() > 10);
    });
}

/// Nothing is open in the master that was not before, however often it has changed (P18).
#[test]
fn nothing_is_left_open() {
    let deployment = Deployment::new("");
    deployment.upgraded_to("2");
    deployment.settle(2, 4);
    let open = || runner_tests::descriptors(deployment.program.pid()).len();
    let before = open();
    deployment.deploy("3 worker-error");
    assert_eq!(deployment.upgrade().code, Some(1));
    deployment.upgraded_to("4");
    deployment.settle(4, 4);
    eventually("as many are open as before", || (open() == before).then_some(()));
    // And nothing of it came to the workers.
    let worker = &deployment.program.workers_of("web")[0];
    let ours: BTreeSet<_> = sockets(worker.pid);
    let others = sockets(deployment.program.workers_of("web")[1].pid);
    let shared: BTreeSet<_> = ours.intersection(&others).collect();
    assert!(shared.len() <= 1, "{shared:?}");
}

/// In the background, with paths from where it was started, though it works elsewhere by then.
#[test]
fn a_daemon_is_upgraded() {
    let start = deployed("");
    let directory = start.directory();
    let started = start.args(&["start"]).run();
    assert_eq!(started.code, Some(0), "{}", started.text());
    let daemon = Daemon::at(&directory.join("app.pid"));
    install("2", &directory.join("app"));
    let upgrade = Program::new("./app").in_directory(&directory).args(&["upgrade"]).run();
    assert_eq!(upgrade.code, Some(0), "{}", upgrade.text());
    let number = fs::read_to_string(directory.join("app.pid")).unwrap();
    assert_eq!(number, format!("{}\n", daemon.pid));
    eventually("only new workers are left", || {
        let workers = workers_of(daemon.pid);
        (workers.len() == 4 && workers.iter().all(|it| it.serves_since(2))).then_some(())
    });
    assert_eq!(executable_of(daemon.pid), Some(fs::canonicalize(directory.join("app")).unwrap()));
    daemon.stop(Signal::SIGTERM);
}

/// Workers that are executed are of the new program too.
#[test]
fn executed_workers_are_upgraded() {
    let program = deployed("spawn = \"exec\"\n").spawn().ready();
    let deployment = Deployment { program };
    deployment.upgraded_to("2");
    deployment.settle(2, 4);
    deployment.deploy("3 worker-error");
    assert_eq!(deployment.upgrade().code, Some(1));
    deployment.settle(2, 4);
}
