//! The programs that are compared, and how each is started.

use crate::Result;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program that takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// The base: one process, two threads, nothing tuned.
    Hyper,
    /// The program under test.
    Runner,
    /// Debian's nginx, answering by `return`.
    Nginx,
    /// Debian's HAProxy, answering by `return` as well.
    Haproxy,
}

/// What happens to a peer under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// All workers are replaced.
    Reload,
    /// The program itself is, and with it all workers.
    Upgrade,
}

/// In the folder that it is started in.
pub(crate) const RUNNER_PID_FILE: &str = "--master.pid_file=runner.pid";

impl Peer {
    pub(crate) const ALL: [Self; 4] = [Self::Hyper, Self::Runner, Self::Nginx, Self::Haproxy];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hyper => "hyper",
            Self::Runner => "runner",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
        }
    }

    /// Whether its master starts another worker for one that was killed. That of HAProxy ends.
    pub(crate) fn respawns(self) -> bool {
        matches!(self, Self::Runner | Self::Nginx)
    }

    /// What can happen to it that replaces its workers.
    pub(crate) fn happenings(self) -> &'static [Happening] {
        match self {
            Self::Hyper => &[],
            Self::Runner | Self::Nginx => &Happening::ALL,
            // Each of its reloads executes the program anew: they are one.
            Self::Haproxy => &[Happening::Reload],
        }
    }

    /// The file to execute.
    pub(crate) fn program(self) -> Result<PathBuf> {
        match self {
            Self::Hyper => sibling("plain_hyper"),
            Self::Runner => sibling("bench_server"),
            Self::Nginx | Self::Haproxy => {
                find(self.name()).ok_or_else(|| format!("{} is not installed", self.name()).into())
            }
        }
    }

    /// How it is started in a folder of its own.
    pub(crate) fn command(
        self,
        workers: u32,
        core: Option<usize>,
        address: SocketAddr,
        folder: &Path,
    ) -> Result<Command> {
        let mut command = pinned(&self.program()?, core);
        match self {
            Self::Hyper => {
                command.arg(address.to_string());
            }
            Self::Runner => {
                command.env("RUNNER_SERVER_HELLO__BIND", address.to_string());
                command.env("RUNNER_SERVER_HELLO__WORKERS", workers.to_string());
                // Its verbs find it by that.
                command.arg(RUNNER_PID_FILE);
            }
            Self::Nginx => {
                let config = folder.join("nginx.conf");
                fs::write(&config, nginx_config(folder, address, workers))?;
                command.arg("-p").arg(folder).arg("-c").arg(config);
            }
            Self::Haproxy => {
                let config = folder.join("haproxy.cfg");
                fs::write(&config, haproxy_config(folder, address, workers))?;
                let control = format!("unix@{}/master.sock", folder.display());
                command.args(["-W", "-S", &control, "-f"]).arg(config);
            }
        }
        let log = folder.join("output.log");
        command.current_dir(folder).stdin(Stdio::null());
        command.stdout(File::create(&log)?).stderr(File::options().append(true).open(&log)?);
        Ok(command)
    }
}

impl Happening {
    pub(crate) const ALL: [Self; 2] = [Self::Reload, Self::Upgrade];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::Upgrade => "upgrade",
        }
    }
}

/// Those of `peers` that can run here; says which cannot.
pub(crate) fn available(peers: &[Peer]) -> Vec<Peer> {
    let package = |peer: Peer| match peer {
        Peer::Hyper | Peer::Runner => None,
        Peer::Nginx => Some("nginx-light"),
        Peer::Haproxy => Some("haproxy"),
    };
    let is_present = |peer: &Peer| {
        let absent = package(*peer).filter(|_| peer.program().is_err());
        if let Some(package) = absent {
            let name = peer.name();
            eprintln!("skipped: {name} is not installed (on Debian: apt-get install {package})");
        }
        absent.is_none()
    };
    peers.iter().copied().filter(is_present).collect()
}

/// Brings the programs beside this one up to date: `cargo run --bin compare` builds only `compare`.
pub(crate) fn build_programs() -> Result {
    let Some(cargo) = std::env::var_os("CARGO") else {
        return Ok(());
    };
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", "runner-bench", "--bins"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let status = command.stdin(Stdio::null()).status()?;
    if !status.success() {
        return Err("the programs to compare do not build".into());
    }
    Ok(())
}

/// `program`, bound to one core when `core` is given.
pub(crate) fn pinned(program: &Path, core: Option<usize>) -> Command {
    let Some(core) = core else {
        return Command::new(program);
    };
    let mut command = Command::new("taskset");
    command.arg("--cpu-list").arg(core.to_string()).arg(program);
    command
}

/// A program that was built beside this one.
pub(crate) fn sibling(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.exists() {
        return Ok(path);
    }
    Err(format!("no `{}`; run `cargo build --release -p runner-bench`", path.display()).into())
}

/// Debian keeps servers in a folder that is not on an ordinary user's path.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// It goes into the background, for one that stays in the foreground cannot be upgraded.
fn nginx_config(folder: &Path, address: SocketAddr, workers: u32) -> String {
    let folder = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {folder}/{kind};\n"))
        .concat();
    format!(
        r#"worker_processes {workers};
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
{temporary}  access_log off;
  default_type text/plain;
  keepalive_requests 1000000000;
  server {{
    listen {address} reuseport;
    location / {{ return 200 "Hello, world!"; }}
    location = /pid {{ return 200 "$pid"; }}
  }}
}}
"#
    )
}

/// It answers itself, and hands its sockets over to its successor. Without the last option of the
/// frontend it closes idle connections when it is reloaded, as nginx does.
fn haproxy_config(folder: &Path, address: SocketAddr, threads: u32) -> String {
    let folder = folder.display();
    format!(
        r#"global
  nbthread {threads}
  maxconn 4096
  stats socket {folder}/stats.sock mode 600 level admin expose-fd listeners
defaults
  mode http
  timeout client 60s
frontend hello
  bind {address}
  http-request return status 200 content-type text/plain lf-string "%pid" if {{ path /pid }}
  http-request return status 200 content-type text/plain string "Hello, world!"
  option idle-close-on-response
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn the_nginx_configuration_names_its_own_folder_only() {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 8123));
        let text = nginx_config(Path::new("/folder"), address, 3);
        assert!(text.contains("worker_processes 3;"), "{text}");
        assert!(text.contains("listen 127.0.0.1:8123 reuseport;"), "{text}");
        assert_eq!(text.matches("_temp_path /folder/").count(), 5, "{text}");
    }

    #[test]
    fn haproxy_answers_itself_and_hands_its_sockets_over() {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 8123));
        let text = haproxy_config(Path::new("/folder"), address, 3);
        for line in [
            "nbthread 3",
            "stats socket /folder/stats.sock mode 600 level admin expose-fd listeners",
            "bind 127.0.0.1:8123",
        ] {
            assert!(text.lines().any(|it| it.trim() == line), "{text}");
        }
    }
}
