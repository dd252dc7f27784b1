//! The files in `deploy/` are right: who is to read them takes them, the options in them exist, and
//! their numbers fit each other.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// What is left after the last deadline of the program to kill what hangs, and to exit.
const MARGIN: Duration = Duration::from_secs(5);

const PROGRAM: &str = env!("CARGO_BIN_EXE_hello");
const INSTALLED: &str = "/usr/local/bin/hello";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The values of `NAME=value` or `NAME value` in a file, by the name.
fn value<'a>(text: &'a str, name: &str) -> &'a str {
    let rest = |line: &'a str| line.trim().strip_prefix(name)?.strip_prefix(['=', ' ']);
    text.lines().find_map(rest).unwrap_or_else(|| panic!("no `{name}`")).trim_end_matches(';')
}

fn seconds(text: &str) -> Duration {
    let number = text.strip_suffix('s').and_then(|number| number.parse().ok());
    Duration::from_secs(number.unwrap_or_else(|| panic!("`{text}`: expected seconds")))
}

/// The options of the program, by section and name, with a file and variables of the deployment.
fn options(file: Option<&str>, variables: &[(String, String)]) -> BTreeMap<String, String> {
    let mut command = Command::new(PROGRAM);
    if let Some(file) = file {
        command.arg("--config").arg(path(file));
    }
    let elsewhere = tempfile::tempdir().expect("a directory without runner.toml");
    command.current_dir(elsewhere.path()).args(["config", "show"]);
    let output = command.envs(variables.iter().cloned()).output().expect("it runs");
    assert!(output.status.success(), "{file:?} {variables:?}: {}", text(&output));
    let mut section = String::new();
    let mut options = BTreeMap::new();
    for line in text(&output).lines() {
        let (setting, _) = line.split_once("  # ").unwrap_or((line, ""));
        if let Some(name) = setting.strip_prefix('[') {
            section = name.trim_end().trim_end_matches(']').to_owned();
        } else if let Some((name, value)) = setting.split_once(" = ") {
            let value = value.trim().trim_matches('"').to_owned();
            options.insert(format!("{section}.{}", name.trim()), value);
        }
    }
    options
}

/// What a program has printed, on both streams.
fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// How long a graceful stop may take.
fn stop(options: &BTreeMap<String, String>) -> Duration {
    ["lame_duck", "drain_timeout"]
        .map(|name| seconds(&options[&format!("server.hello.{name}")]))
        .iter()
        .sum()
}

fn kubernetes() -> [Value; 3] {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(&read("kubernetes.yaml")).expect("YAML");
    documents.try_into().expect("a deployment, a service and a budget")
}

fn at<'a>(document: &'a Value, pointer: &str) -> &'a Value {
    document.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"))
}

const CONTAINER: &str = "/spec/template/spec/containers/0";

/// The variables of the container.
fn variables(deployment: &Value) -> Vec<(String, String)> {
    let text = |variable: &Value, name| variable[name].as_str().expect("text").to_owned();
    let variables = at(deployment, &format!("{CONTAINER}/env")).as_array().expect("a list");
    variables.iter().map(|variable| (text(variable, "name"), text(variable, "value"))).collect()
}

#[test]
fn units_are_valid() {
    let Ok(version) = Command::new("systemd-analyze").arg("--version").output() else {
        println!("skipped: there is no systemd-analyze");
        return;
    };
    let version = text(&version).split_whitespace().nth(1).and_then(|version| version.parse().ok());
    let knows_reload = version.is_some_and(|version: u32| 253 <= version);
    for unit in ["runner.service", "runner-forking.service"] {
        let directory = tempfile::tempdir().expect("a directory");
        let mut service = read(unit).replace(INSTALLED, PROGRAM);
        if !knows_reload {
            service = service.replace("Type=notify-reload", "Type=notify");
        }
        fs::write(directory.path().join("runner.service"), service).expect("a file");
        fs::copy(path("runner.socket"), directory.path().join("runner.socket")).expect("a file");
        let output = Command::new("systemd-analyze")
            .args(["verify", "--man=no", "runner.service", "runner.socket"])
            .current_dir(&directory)
            .output()
            .expect("it runs");
        let complaints = text(&output);
        let ours: Vec<_> = complaints.lines().filter(|line| line.contains("runner.")).collect();
        assert!(ours.is_empty() && output.status.success(), "{unit}: {complaints}");
    }
}

#[test]
fn nginx_takes_its_configuration() {
    let directory = tempfile::tempdir().expect("a directory");
    let main = directory.path().join("nginx.conf");
    let included = path("nginx.conf").display().to_string();
    fs::write(&main, format!("events {{}}\nhttp {{ access_log off; include {included}; }}\n"))
        .expect("a file");
    let own = format!("error_log stderr; pid {}/pid;", directory.path().display());
    let Ok(output) = Command::new("nginx").arg("-tc").arg(&main).args(["-g", &own]).output() else {
        println!("skipped: there is no nginx");
        return;
    };
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn the_unit_gives_the_program_its_time_and_its_socket() {
    let service = read("runner.service");
    let options = options(Some("runner.toml"), &[]);
    let start = seconds(&options["server.hello.start_timeout"]);
    assert!(start < seconds(value(&service, "TimeoutStartSec")));
    assert!(stop(&options) + MARGIN <= seconds(value(&service, "TimeoutStopSec")));
    let name = value(&read("runner.socket"), "FileDescriptorName").to_owned();
    assert_eq!(options["server.hello.bind"], format!("systemd:{name}"));
    let directory = format!("/run/{}/", value(&service, "RuntimeDirectory"));
    assert!(options["master.control"].starts_with(&directory));
}

#[test]
fn the_forking_unit_gives_the_program_its_time_and_finds_it() {
    let service = read("runner-forking.service");
    let (name, pid_file) = value(&service, "Environment").split_once('=').expect("a variable");
    let options = options(None, &[(name.to_owned(), pid_file.to_owned())]);
    assert_eq!(value(&service, "PIDFile"), options["master.pid_file"]);
    let start = seconds(&options["server.hello.start_timeout"]);
    assert!(start + MARGIN <= seconds(value(&service, "TimeoutStartSec")));
    assert!(stop(&options) + MARGIN <= seconds(value(&service, "TimeoutStopSec")));
}

/// The verbs in all files are verbs, and the files in them are those of the deployment.
#[test]
fn the_program_understands_its_commands() {
    let help = text(&Command::new(PROGRAM).arg("--help").output().expect("it runs"));
    let mut verbs = 0;
    for file in ["runner.service", "runner-forking.service", "logrotate"] {
        let text = read(file);
        for command in text.lines().filter_map(|line| line.trim().split_once(INSTALLED)) {
            let words: Vec<_> = command.1.trim().trim_end_matches("`.").split(' ').collect();
            let words = words.strip_prefix(&["--config", "/etc/runner.toml"]).unwrap_or(&words);
            if let [verb] = words {
                let known = help.lines().any(|line| line.trim().starts_with(&format!("{verb} ")));
                assert!(known, "{file}: `{verb}`");
                verbs += 1;
            }
        }
    }
    assert!(4 <= verbs, "found only {verbs}");
}

#[test]
fn the_pod_has_the_time_and_the_memory_that_the_program_needs() {
    let [deployment, ..] = kubernetes();
    let options = options(None, &variables(&deployment));
    let number = |pointer: &str| at(&deployment, pointer).as_u64().expect("a number");
    let grace = number("/spec/template/spec/terminationGracePeriodSeconds");
    assert!(stop(&options) + MARGIN <= Duration::from_secs(grace));
    assert_eq!(options["master.term"], "graceful", "Kubernetes sends TERM to other images");

    let probe = |name| number(&format!("{CONTAINER}/readinessProbe/{name}"));
    let unready = Duration::from_secs(probe("periodSeconds") * probe("failureThreshold"));
    assert!(unready <= seconds(&options["server.hello.lame_duck"]), "who probes must see it");

    let mebibytes = |text: &str| -> u64 {
        let number = text.trim_end_matches("MiB").trim_end_matches("Mi");
        number.parse().unwrap_or_else(|_| panic!("`{text}`: expected mebibytes"))
    };
    let limit = at(&deployment, &format!("{CONTAINER}/resources/limits/memory"));
    let workers: u64 = options["server.hello.workers"].parse().expect("a number");
    let surge = 1;
    let each = mebibytes(&options["server.hello.max_memory"]);
    assert!((workers + surge) * each < mebibytes(limit.as_str().expect("text")));
}

#[test]
fn the_objects_of_kubernetes_fit_each_other_and_the_image() {
    let [deployment, service, budget] = kubernetes();
    let labels = at(&deployment, "/spec/template/metadata/labels");
    assert_eq!(at(&deployment, "/spec/selector/matchLabels"), labels);
    assert_eq!(at(&service, "/spec/selector"), labels);
    assert_eq!(at(&budget, "/spec/selector/matchLabels"), labels);
    let port = at(&deployment, &format!("{CONTAINER}/ports/0"));
    assert_eq!(at(&service, "/spec/ports/0/targetPort"), &port["name"]);
    let bind = &options(None, &variables(&deployment))["server.hello.bind"];
    let (_, bound) = bind.rsplit_once(':').expect("an address");
    assert_eq!(port["containerPort"].to_string(), bound);

    let image = read("Dockerfile");
    assert_eq!(value(&image, "EXPOSE"), bound);
    assert_eq!(value(&image, "STOPSIGNAL"), "SIGQUIT");
    let context = "/spec/template/spec/securityContext";
    let id = |name| at(&deployment, &format!("{context}/{name}")).to_string();
    assert_eq!(value(&image, "USER"), format!("{}:{}", id("runAsUser"), id("runAsGroup")));
    let (name, workers) = value(&image, "ENV").split_once('=').expect("a variable");
    options(None, &[(name.to_owned(), workers.to_owned())]);
}

#[test]
fn proxies_find_the_socket_and_close_idle_connections_first() {
    let options = options(Some("behind_proxy.toml"), &[]);
    let socket = &options["server.hello.bind"];
    let (nginx, haproxy) = (read("nginx.conf"), read("haproxy.cfg"));
    assert!(nginx.contains(&format!("server {socket};")), "{socket}");
    assert!(haproxy.contains(&socket.replace("unix:", "unix@")), "{socket}");
    let keep_alive = seconds(&options["server.hello.keep_alive"]);
    assert!(seconds(value(&nginx, "keepalive_timeout")) < keep_alive);
    let (_, purge) = haproxy.split_once("pool-purge-delay ").expect("a delay");
    assert!(seconds(purge.trim()) < keep_alive);
}
