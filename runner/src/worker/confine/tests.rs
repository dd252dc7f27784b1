//! Confinements, applied by processes of their own and looked at from inside and from outside.
//!
//! Such a process is this test program again, with one of its tests: [`a_confined_process`].

use super::*;
use crate::os::privilege::{find_group, find_user};
use nix::unistd::{Uid, gettid, setresuid};
use rustix::fs::{StatVfsMountFlags, statvfs};
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use tempfile::TempDir;

/// The confinement of a process, as JSON.
const CONFINEMENT: &str = "RUNNER_TEST_CONFINEMENT";
/// A command that it runs once confined.
const COMMAND: &str = "RUNNER_TEST_COMMAND";
/// A port that it binds.
const PORT: &str = "RUNNER_TEST_PORT";

const NET_BIND_SERVICE: u8 = 10;
const SETUID: u8 = 7;

/// A process that has confined itself, or could not, and waits.
struct Confined {
    child: Child,
    output: BufReader<ChildStdout>,
    /// What it says of itself.
    said: BTreeMap<String, String>,
}

impl Confined {
    fn start(confinement: &Confinement) -> Self {
        Self::start_with(confinement, &[])
    }

    fn start_with(confinement: &Confinement, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "worker::confine::tests::a_confined_process"])
            .args(["--nocapture", "--test-threads=1"])
            .env(CONFINEMENT, serde_json::to_string(confinement).unwrap())
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let said = (&mut output)
            .lines()
            .map(Result::unwrap)
            .take_while(|line| line != "confined: end")
            .filter_map(|line| {
                let (name, value) = line.strip_prefix("confined: ")?.split_once('=')?;
                Some((name.to_owned(), value.to_owned()))
            })
            .collect();
        Self { child, output, said }
    }

    /// Asserts that the confinement holds, as far as it says itself.
    #[track_caller]
    fn applied(self) -> Self {
        assert_eq!(self.said["applied"], "Ok(())");
        self
    }

    /// Asserts what it says about something.
    #[track_caller]
    fn says(&self, name: &str, expected: &str) {
        assert_eq!(self.said[name], expected, "{name}");
    }

    /// A file of it below `/proc`.
    fn proc(&self, name: &str) -> String {
        let (pid, tid) = (self.child.id(), &self.said["tid"]);
        fs::read_to_string(format!("/proc/{pid}/task/{tid}/{name}")).unwrap()
    }

    /// A line of its `/proc/PID/status`.
    fn status(&self, name: &str) -> String {
        let status = self.proc("status");
        let mut lines = status.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = lines.find(|(found, _)| *found == name).unwrap();
        value.trim().to_owned()
    }

    /// The soft and the hard limit of a line of its `/proc/PID/limits`.
    fn limits(&self, name: &str) -> (String, String) {
        let limits = self.proc("limits");
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let mut values = line.split_whitespace().map(str::to_owned);
        (values.next().unwrap(), values.next().unwrap())
    }

    /// All that capabilities(7) keeps, as hexadecimal numbers.
    fn capabilities(&self) -> Vec<String> {
        ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(|set| self.status(set)).into()
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = io::copy(&mut self.output, &mut io::sink());
        let _ = self.child.wait();
    }
}

/// Not a test but the process that the tests start; in a run of all tests it does nothing.
#[test]
fn a_confined_process() {
    let Ok(confinement) = std::env::var(CONFINEMENT) else {
        return;
    };
    let confinement: Confinement = serde_json::from_str(&confinement).unwrap();
    let say = |name: &str, value: String| println!("\nconfined: {name}={value}");
    say("tid", gettid().to_string());
    say("applied", format!("{:?}", confinement.apply()));
    let root = Uid::from_raw(0);
    say("regained", setresuid(root, root, root).is_ok().to_string());
    say("directory", std::env::current_dir().unwrap().display().to_string());
    if let Ok(port) = std::env::var(PORT) {
        let bound = TcpListener::bind(("127.0.0.1", port.parse().unwrap()));
        say("bound", bound.map_or_else(|error| error.kind().to_string(), |_| "yes".to_owned()));
    }
    if let Ok(command) = std::env::var(COMMAND) {
        let output = Command::new(command).arg("-u").output().unwrap();
        say("command", String::from_utf8(output.stdout).unwrap().trim().to_owned());
    }
    println!("confined: end");
    io::stdout().flush().unwrap();
    // The end of its input is the word to go.
    let _ = io::stdin().read(&mut [0]);
}

/// Everything at once: each option can be seen from outside, and root is out of reach (P53).
#[test]
fn everything_is_applied_in_one_go() {
    let Some(nobody) = nobody_as_root() else {
        return;
    };
    let room = tempfile::tempdir().unwrap();
    let core = *affinity::usable_cores().unwrap().last().unwrap();
    let confined = Confined::start(&Confinement {
        umask: Some(0o027),
        chroot: Some(room.path().to_owned()),
        nice: Some(7),
        oom_score_adj: Some(600),
        affinity: Some(vec![core]),
        rlimits: vec![
            (Resource::Nofile, Limit::Most(512)),
            (Resource::Core, Limit::Most(0)),
            (Resource::Fsize, Limit::Most(1 << 30)),
            (Resource::Nproc, Limit::Most(4000)),
            (Resource::Cpu, Limit::Most(3600)),
            (Resource::As, Limit::Most(1 << 40)),
            (Resource::Data, Limit::Most(1 << 39)),
            (Resource::Stack, Limit::Most(4 << 20)),
            (Resource::Memlock, Limit::Most(4096)),
        ],
        capabilities: Some(Capabilities::numbered([NET_BIND_SERVICE])),
        ..Confinement::of(Some(nobody.clone()))
    })
    .applied();
    confined.says("regained", "false");
    confined.says("directory", "/");
    let ids = [nobody_id().as_str(); 4].join("\t");
    assert_eq!(confined.status("Uid"), ids);
    assert_eq!(confined.status("Umask"), "0027");
    assert_eq!(confined.status("NoNewPrivs"), "1");
    assert_eq!(confined.status("Cpus_allowed_list"), core.to_string());
    assert_eq!(confined.capabilities(), ["0000000000000400"; 5]);
    assert_eq!(confined.proc("oom_score_adj").trim(), "600");
    let stat = confined.proc("stat");
    let after_name = stat.rsplit_once(") ").unwrap().1;
    assert_eq!(after_name.split(' ').nth(19 - 3), Some("7"), "nice in {stat}");
    let root = fs::read_link(format!("/proc/{}/root", confined.child.id())).unwrap();
    assert_eq!(root, room.path());
    for (name, limit) in [
        ("Max open files", "512"),
        ("Max core file size", "0"),
        ("Max file size", "1073741824"),
        ("Max processes", "4000"),
        ("Max cpu time", "3600"),
        ("Max address space", "1099511627776"),
        ("Max data size", "549755813888"),
        ("Max stack size", "4194304"),
        ("Max locked memory", "4096"),
    ] {
        assert_eq!(confined.limits(name), (limit.to_owned(), limit.to_owned()), "{name}");
    }
}

/// What anybody may do to himself needs no root.
#[test]
fn an_ordinary_process_can_be_confined() {
    let core = affinity::usable_cores().unwrap()[0];
    let confinement = Confinement {
        umask: Some(0o077),
        nice: Some(19),
        oom_score_adj: Some(1000),
        affinity: Some(vec![core]),
        rlimits: vec![(Resource::Core, Limit::Most(0)), (Resource::Nofile, Limit::Most(64))],
        no_new_privs: true,
        ..Confinement::default()
    };
    assert_eq!(confinement.check(), []);
    let confined = Confined::start(&confinement).applied();
    assert_eq!(confined.status("Umask"), "0077");
    assert_eq!(confined.status("NoNewPrivs"), "1");
    assert_eq!(confined.status("Cpus_allowed_list"), core.to_string());
    assert_eq!(confined.proc("oom_score_adj").trim(), "1000");
    assert_eq!(confined.limits("Max open files").0, "64");
}

/// Without any option a worker is what its master is, but for the descriptors it may have.
#[test]
fn without_options_everything_else_stays() {
    let confined = Confined::start(&Confinement::default()).applied();
    let (soft, hard) = confined.limits("Max open files");
    assert_eq!(soft, hard);
    let own = fs::read_to_string("/proc/self/status").unwrap();
    for name in ["Uid", "Gid", "Groups", "Umask", "NoNewPrivs", "CapEff", "CapBnd", "CapAmb"] {
        let value = confined.status(name);
        let same = own.lines().any(|line| {
            line.split_once(':').is_some_and(|(own, held)| own == name && held.trim() == value)
        });
        assert!(same, "{name} is {value}, not as in\n{own}");
    }
}

/// A change of the group alone takes only the groups away, and one to root only those of others.
#[test]
fn root_may_stay_root() {
    if nobody_as_root().is_none() {
        return;
    }
    let group = find_group("daemon").unwrap();
    let confined =
        Confined::start(&Confinement::of(Some(Identity::with_group_only("daemon", group))))
            .applied();
    let gid = group.as_raw().to_string();
    assert_eq!(confined.status("Gid"), [gid.as_str(); 4].join("\t"));
    assert_eq!(confined.status("Groups"), gid);
    assert_eq!(confined.status("Uid"), "0\t0\t0\t0");
    assert_ne!(confined.status("CapEff"), "0000000000000000");
    assert_eq!(confined.status("NoNewPrivs"), "1");

    let root = find_user("root").unwrap().identity(None).unwrap();
    let confined = Confined::start(&Confinement::of(Some(root))).applied();
    confined.says("regained", "true");
    assert_ne!(confined.status("CapEff"), "0000000000000000");
}

/// Who keeps `net_bind_service` may bind ports below 1024, and nobody else.
#[test]
fn a_kept_capability_binds_a_privileged_port() {
    let Some(nobody) = nobody_as_root() else {
        return;
    };
    let start = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let Some(port) = (700..start.trim().parse().unwrap()).find(is_free) else {
        println!("skipped: no privileged port is free");
        return;
    };
    let check = |kept: &[u8], expected: &str| {
        let confinement = Confinement {
            capabilities: Some(Capabilities::numbered(kept.iter().copied())),
            ..Confinement::of(Some(nobody.clone()))
        };
        let port = [(PORT, &*port.to_string())];
        let confined = Confined::start_with(&confinement, &port).applied();
        confined.says("bound", expected);
        confined.says("regained", "false");
    };
    check(&[NET_BIND_SERVICE], "yes");
    check(&[], "permission denied");
}

/// A program with the set-user bit of root runs as the worker, unless new privileges are allowed.
/// Then it is root by name, and still without a capability.
#[test]
fn set_user_programs_give_nothing() {
    let Some(nobody) = nobody_as_root() else {
        return;
    };
    let Some((_directory, id)) = set_user_id() else {
        return;
    };
    let check = |no_new_privs: bool, expected: &str| {
        let confinement = Confinement { no_new_privs, ..Confinement::of(Some(nobody.clone())) };
        let confined = Confined::start_with(&confinement, &[(COMMAND, &id)]).applied();
        confined.says("command", expected);
        assert_eq!(confined.status("CapBnd"), "0000000000000000");
    };
    check(true, &nobody_id());
    check(false, "0");
}

/// After a change of user the kernel dumps no memory, unless a limit asks for dumps.
#[test]
fn core_dumps_are_what_the_limit_says() {
    let Some(nobody) = nobody_as_root() else {
        return;
    };
    let owner = |core: Option<Limit>| {
        let confined = Confined::start(&Confinement {
            rlimits: core.map(|limit| (Resource::Core, limit)).into_iter().collect(),
            ..Confinement::of(Some(nobody.clone()))
        })
        .applied();
        // proc_pid(5): the files of a process that cannot be dumped belong to root.
        metadata(format!("/proc/{}/environ", confined.child.id())).unwrap().uid()
    };
    assert_eq!(owner(None), 0);
    assert_eq!(owner(Some(Limit::Most(0))), 0);
    assert_eq!(owner(Some(Limit::Most(1 << 20))).to_string(), nobody_id());
}

/// What fails is an error that names the option and what was wanted.
#[test]
fn what_fails_is_named() {
    let check = |confinement: Confinement, expected: &[&str]| {
        let confined = Confined::start(&confinement);
        let said = &confined.said["applied"];
        assert!(said.starts_with("Err("), "{said}");
        for part in expected {
            assert!(said.contains(part), "no `{part}` in {said}");
        }
    };
    let default = Confinement::default;
    let nofile = Limit::Most(u64::from(u32::MAX));
    check(
        Confinement { rlimits: vec![(Resource::Nofile, nofile)], ..default() },
        &["rlimits.nofile: cannot set it to 4294967295: ", "; "],
    );
    check(
        Confinement { affinity: Some(vec![1023]), ..default() },
        &["cpu_affinity: cannot run on [1023]: ", "leave out `cpu_affinity`"],
    );
    check(
        Confinement { chroot: Some("/nowhere".into()), ..default() },
        &["chroot: cannot make `/nowhere` the root directory: No such file"],
    );
    check(
        Confinement { oom_score_adj: Some(5000), ..default() },
        &["oom_score_adj: cannot set it to 5000: "],
    );
    let Some(nobody) = nobody_as_root() else {
        return;
    };
    check(
        Confinement {
            capabilities: Some(Capabilities::numbered([63])),
            ..Confinement::of(Some(nobody))
        },
        &["capabilities: cannot keep exactly `63`: "],
    );
}

/// Each worker has one core, and the slots take turns.
#[test]
fn slots_take_turns_on_the_cores() {
    let check = |cores: &[usize], expected: &[&[usize]]| {
        let all = Confinement { affinity: Some(cores.to_vec()), ..Confinement::default() };
        for (slot, expected) in (0..).zip(expected) {
            assert_eq!(all.clone().for_slot(slot).affinity.as_deref(), Some(*expected), "{slot}");
        }
    };
    check(&[0, 1, 2], &[&[0], &[1], &[2], &[0], &[1]]);
    check(&[5, 9], &[&[5], &[9], &[5]]);
    check(&[7], &[&[7], &[7]]);
    check(&[], &[&[], &[]]);
    assert_eq!(Confinement::default().for_slot(3).affinity, None);
}

/// What would be a way back to root is refused to whoever leaves root, and to nobody else.
#[test]
fn ways_back_to_root_are_refused() {
    let Some(nobody) = nobody_as_root() else {
        return;
    };
    let kept = Some(Capabilities::numbered([SETUID, NET_BIND_SERVICE]));
    let changed = Confinement { capabilities: kept, ..Confinement::of(Some(nobody)) };
    let problems = changed.check();
    let [("capabilities", problem)] = &problems[..] else {
        panic!("{problems:?}");
    };
    assert!(problem.contains("whoever has `setuid` can become root again"), "{problem}");
    assert_eq!(Confinement { capabilities: kept, ..Confinement::default() }.check(), []);
}

/// The ordinary user to change to, when this process is root; else it says what is skipped.
fn nobody_as_root() -> Option<Identity> {
    if !Uid::effective().is_root() {
        println!("skipped: this takes root");
        return None;
    }
    Some(find_user("nobody").unwrap().identity(None).unwrap())
}

fn nobody_id() -> String {
    nix::unistd::User::from_name("nobody").unwrap().unwrap().uid.to_string()
}

/// A copy of id(1) with the set-user bit of root, where files may have one.
fn set_user_id() -> Option<(TempDir, String)> {
    let directory = tempfile::tempdir().unwrap();
    if statvfs(directory.path()).unwrap().f_flag.contains(StatVfsMountFlags::NOSUID) {
        println!("skipped: the temporary directory is mounted `nosuid`");
        return None;
    }
    let path = directory.path().join("id");
    fs::copy("/usr/bin/id", &path).unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o4755)).unwrap();
    let path = path.to_str().unwrap().to_owned();
    Some((directory, path))
}
