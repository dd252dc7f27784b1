//! One run of wrk, the load generator.

use crate::peer::pinned;
use crate::{Interrupt, Result};
use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Connections that wrk keeps open at a time.
const CONNECTIONS: u32 = 64;
/// What wrk may take beyond the length of its run before it is killed.
const GRACE: Duration = Duration::from_secs(15);

const SUMMARY: &str = include_str!("wrk.lua");
const PIPELINE: &str = include_str!("pipeline.lua");

/// The load to put on a server.
pub(crate) struct Load {
    pub(crate) duration: Duration,
    /// The core wrk runs on, with one thread; without it two threads run anywhere.
    pub(crate) core: Option<usize>,
    /// Requests sent at a time on one connection.
    pub(crate) depth: u32,
    /// Whether each request asks the server to close the connection.
    pub(crate) close: bool,
}

/// What wrk saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Answers received.
    pub(crate) requests: u64,
    pub(crate) duration_us: u64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) errors: Errors,
}

/// Requests that failed, by how they did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Errors {
    pub(crate) connect: u64,
    pub(crate) read: u64,
    pub(crate) write: u64,
    /// Answers of 400 and above.
    pub(crate) status: u64,
    pub(crate) timeout: u64,
}

impl Errors {
    pub(crate) fn total(self) -> u64 {
        self.connect + self.read + self.write + self.status + self.timeout
    }
}

impl Load {
    /// Runs wrk against `address` to its end; a wrk that hangs is killed.
    pub(crate) fn run(&self, address: SocketAddr, interrupt: &Interrupt) -> Result<Outcome> {
        let folder = tempfile::tempdir()?;
        let script = folder.path().join("script.lua");
        let parts = if self.depth > 1 { [SUMMARY, PIPELINE].concat() } else { SUMMARY.to_owned() };
        fs::write(&script, parts)?;
        let child = Killed(self.command(address, &script).spawn()?);
        let output = collect(child, self.duration + GRACE)?;
        interrupt.check()?;
        parse_summary(&output).ok_or_else(|| format!("wrk printed no summary:\n{output}").into())
    }

    fn command(&self, address: SocketAddr, script: &Path) -> Command {
        let mut command = pinned(Path::new("wrk"), self.core);
        command
            .arg(if self.core.is_some() { "-t1" } else { "-t2" })
            .arg(format!("-c{CONNECTIONS}"))
            .arg(format!("-d{}s", self.duration.as_secs()))
            .arg("-s")
            .arg(script);
        if self.close {
            command.args(["-H", "Connection: close"]);
        }
        command.arg(format!("http://{address}/")).arg("--").arg(self.depth.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }
}

/// Fails with the fix when wrk is not installed.
pub(crate) fn require_wrk() -> Result {
    let found = Command::new("wrk").arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status();
    match found {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(format!("cannot run `wrk`: {error} (on Debian: apt-get install wrk)").into())
        }
    }
}

/// A child that does not outlive its owner.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Everything that `child` prints until it closes its output, within `timeout`.
fn collect(mut child: Killed, timeout: Duration) -> Result<String> {
    let mut pipe = child.0.stdout.take().ok_or("the output is not a pipe")?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut output = String::new();
        let _ = sender.send(pipe.read_to_string(&mut output).map(|_| output));
    });
    match receiver.recv_timeout(timeout) {
        Ok(output) => Ok(output?),
        Err(_) => Err(format!("wrk did not end within {timeout:?}").into()),
    }
}

fn parse_summary(output: &str) -> Option<Outcome> {
    let line = output.lines().find_map(|line| line.strip_prefix("summary: "))?;
    let value = |key: &str| {
        let pair = line.split(' ').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))?;
        pair.parse().ok()
    };
    Some(Outcome {
        requests: value("requests")?,
        duration_us: value("duration")?,
        p50_us: value("p50")?,
        p99_us: value("p99")?,
        errors: Errors {
            connect: value("connect")?,
            read: value("read")?,
            write: value("write")?,
            status: value("status")?,
            timeout: value("timeout")?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_read_by_key() {
        let output = "Running 1s test\n\
            summary: requests=9 duration=8 p50=7 p99=6 connect=5 read=4 write=3 status=2 timeout=1\n";
        let errors = Errors { connect: 5, read: 4, write: 3, status: 2, timeout: 1 };
        let expected = Outcome { requests: 9, duration_us: 8, p50_us: 7, p99_us: 6, errors };
        assert_eq!(parse_summary(output), Some(expected));
        assert_eq!(errors.total(), 15);
    }

    #[test]
    fn a_summary_with_a_missing_key_is_none() {
        assert_eq!(parse_summary("summary: requests=9 duration=8\n"), None);
        assert_eq!(parse_summary("Requests/sec: 12\n"), None);
    }

    #[test]
    fn a_child_that_hangs_is_given_up_on() {
        let child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let child = Killed(child.expect("cat starts"));
        let error =
            collect(child, Duration::from_millis(10)).expect_err("cat never ends by itself");
        assert!(error.to_string().contains("did not end"), "{error}");
    }
}
