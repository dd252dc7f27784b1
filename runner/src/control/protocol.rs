//! What the verbs and the master say to each other: one request, which is a JSON object on a line
//! of its own, and one answer to it, which is another.

use crate::config::suggestion;
use crate::spec::Address;
use crate::supervisor::Scale;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// The longest request in bytes.
pub(crate) const REQUEST_MAX: usize = 64 * 1024;

/// The longest answer in bytes: about five thousand workers.
pub(crate) const ANSWER_MAX: usize = 1024 * 1024;

/// What the language is called. It changes when an old word gets another meaning.
const VERSION: u64 = 1;

/// The requests that take nothing else, by name.
const PLAIN: [(&str, Request); 7] = [
    ("status", Request::Status),
    ("why", Request::Why),
    ("reload", Request::Reload),
    ("reconfigure", Request::Reconfigure),
    ("restart", Request::Restart),
    ("reopen", Request::Reopen),
    ("upgrade", Request::Upgrade),
];

/// What can be asked of the master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// How everything stands: [`Status`].
    Status,
    /// How the last workers ended: [`Why`].
    Why,
    /// Read the configuration again and replace all workers gracefully: [`Outcome`], once that is
    /// done.
    Reload,
    /// Read the configuration again, replace the workers that it changes gracefully, and reopen the
    /// log files: [`Outcome`], once that is done.
    Reconfigure,
    /// Read the configuration again and replace all workers at once: [`Outcome`], once that is done.
    Restart,
    /// Reopen the log files: [`Outcome`], once that is done.
    Reopen,
    /// Change over to the program that is at the place of this one now: [`Outcome`], when all workers
    /// are of it.
    Upgrade,
    /// Change the number of workers of a server: [`Outcome`], once they serve, or are gone.
    Scale { server: String, to: Scale },
}

/// What the master answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer<T> {
    Ok(T),
    Error(String),
}

/// How the program stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) program: String,
    pub(crate) pid: u32,
    pub(crate) uptime_ms: u64,
    /// What is forked now.
    pub(crate) generation: u32,
    pub(crate) servers: Vec<ServerStatus>,
}

/// How a server stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ServerStatus {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) addresses: Vec<Address>,
    /// How many workers it is to have.
    pub(crate) target: u32,
    /// Whether it fails too often, or has slots that are given up.
    pub(crate) degraded: bool,
    /// How many failures there were in its `restart_window`.
    pub(crate) failures: u32,
    /// Its processes and the slots that wait for one, by slot.
    pub(crate) workers: Vec<WorkerStatus>,
}

/// How a worker stands, or a slot that waits for one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WorkerStatus {
    pub(crate) slot: u32,
    /// In a slot without process, that of the next one.
    pub(crate) generation: u32,
    /// None in a slot without process, and so are the next five.
    pub(crate) pid: Option<i32>,
    /// How long ago it was forked.
    pub(crate) age_ms: Option<u64>,
    /// What it shares with no other process. It is filled in by the verb: to ask about the memory
    /// of a process can take as long as that process is stuck, and the master must not be.
    pub(crate) memory_bytes: Option<u64>,
    /// How many are open.
    pub(crate) connections: Option<u64>,
    /// How many it has answered.
    pub(crate) requests: Option<u64>,
    /// How often it could not take a connection, for want of descriptors or memory.
    #[serde(default)]
    pub(crate) accept_failures: Option<u64>,
    /// `starting`, `ready`, `draining`, `stopping`; without process `back-off` or `failed`.
    pub(crate) state: Cow<'static, str>,
    /// When a slot without process is tried again; none when only on request.
    pub(crate) retry_ms: Option<u64>,
}

/// How the last workers ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Why {
    /// Oldest first.
    pub(crate) exits: Vec<Exit>,
}

/// The end of a worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Exit {
    /// When it was, in seconds since 1970 (UTC).
    pub(crate) unix_time: u64,
    /// How long ago it was.
    pub(crate) age_ms: u64,
    pub(crate) server: String,
    pub(crate) slot: u32,
    pub(crate) generation: u32,
    pub(crate) pid: i32,
    /// `asked`, `recycled`, `overdue`, `not-ready`, `cannot-start`, `misconfigured`, `hung`,
    /// `out-of-memory`, `finished` or `crashed`.
    pub(crate) cause: Cow<'static, str>,
    /// What a worker that could not start has said, or the limit that another one has reached.
    pub(crate) reason: Option<String>,
    /// What it exited with; none when a signal ended it.
    pub(crate) exit_code: Option<i32>,
    /// The name of the signal that ended it.
    pub(crate) signal: Option<String>,
    /// Whether it left a core dump.
    pub(crate) core: bool,
    /// How long it lived.
    pub(crate) uptime_ms: u64,
    /// What it was busy with.
    pub(crate) last_request: Option<String>,
}

/// What a change has led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// What is forked now.
    pub(crate) generation: u32,
    /// How many workers serve: those of the server that was scaled, else all.
    pub(crate) workers: u32,
    /// What was different in the configuration, a line for each server and each option that waits
    /// for the next start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) changes: Vec<String>,
}

/// A request as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    version: u64,
    command: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workers: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<i32>,
}

impl Request {
    /// Reads a line. The error names what is wrong with it.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, String> {
        let malformed = |error| format!("this is no request: {error}");
        let value: Value = serde_json::from_slice(line).map_err(malformed)?;
        // First of all, because another version may have other fields.
        match value.get("version") {
            Some(version) if version.as_u64() == Some(VERSION) => {}
            Some(other) => return Err(format!("`version` is {other}, expected {VERSION}")),
            None => return Err(format!("`version` is missing, expected {VERSION}")),
        }
        let Fields { version: _, command, server, workers, by } =
            serde_json::from_value(value).map_err(malformed)?;
        let plain = PLAIN.into_iter().find(|(name, _)| *name == command);
        match (plain, server, workers, by) {
            (Some((_, request)), None, None, None) => Ok(request),
            (Some((name, _)), ..) => Err(format!("`{name}` takes no other field")),
            (None, server, workers, by) if command == "scale" => match (server, workers, by) {
                (Some(server), Some(to), None) => Ok(Self::Scale { server, to: Scale::To(to) }),
                (Some(server), None, Some(by)) => Ok(Self::Scale { server, to: Scale::By(by) }),
                _ => Err("`scale` takes `server`, and either `workers` or `by`".to_owned()),
            },
            _ => {
                let names = PLAIN.iter().map(|(name, _)| *name).chain(["scale"]);
                Err(format!("no command `{command}`; {}", suggestion(&command, names)))
            }
        }
    }

    /// Writes it as a line.
    pub(crate) fn line(&self) -> String {
        let (server, workers, by) = match self {
            Self::Scale { server, to: Scale::To(to) } => (Some(server.clone()), Some(*to), None),
            Self::Scale { server, to: Scale::By(by) } => (Some(server.clone()), None, Some(*by)),
            _ => (None, None, None),
        };
        let plain = PLAIN.iter().find(|(_, request)| request == self);
        let command = plain.map_or("scale", |(name, _)| name).to_owned();
        line(&Fields { version: VERSION, command, server, workers, by })
    }
}

impl<T: Serialize> Answer<T> {
    /// Writes it as a line. An answer that is too long becomes an error.
    pub(crate) fn line(&self) -> String {
        let line = line(self);
        if line.len() <= ANSWER_MAX { line } else { error_line("the answer is too long") }
    }
}

impl<T> From<Result<T, String>> for Answer<T> {
    fn from(result: Result<T, String>) -> Self {
        result.map_or_else(Self::Error, Self::Ok)
    }
}

/// An answer that is an error.
pub(crate) fn error_line(message: &str) -> String {
    line(&Answer::<()>::Error(message.to_owned()))
}

fn line(value: &impl Serialize) -> String {
    // What is written here are numbers, text and lists of them.
    let mut line = serde_json::to_string(value).expect("it has a form in JSON");
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn requests_are_read_as_written() {
        let scale = |to| Request::Scale { server: "Web \"1\"\n".to_owned(), to };
        let requests = PLAIN.into_iter().map(|(_, request)| request).chain([
            scale(Scale::To(0)),
            scale(Scale::To(u32::MAX)),
            scale(Scale::By(i32::MIN)),
        ]);
        for request in requests {
            let line = request.line();
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            assert_eq!(Request::parse(line.as_bytes()), Ok(request), "{line}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (line, expected) in [
            ("", "this is no request: EOF while parsing a value at line 1 column 0"),
            ("reload", "this is no request: expected value at line 1 column 1"),
            ("[1]", "`version` is missing, expected 1"),
            (r#"{"command":"status"}"#, "`version` is missing, expected 1"),
            (r#"{"version":2,"command":"fly","to":"the moon"}"#, "`version` is 2, expected 1"),
            (r#"{"version":"1","command":"status"}"#, "`version` is \"1\", expected 1"),
            (r#"{"version":1}"#, "this is no request: missing field `command`"),
            (
                r#"{"version":1,"command":"status","sever":"web"}"#,
                "this is no request: unknown field `sever`, expected one of `version`, `command`, \
                 `server`, `workers`, `by`",
            ),
            (r#"{"version":1,"command":"relaod"}"#, "no command `relaod`; did you mean `reload`?"),
            (r#"{"version":1,"command":"status","server":"web"}"#, "`status` takes no other field"),
            (
                r#"{"version":1,"command":"scale","server":"web"}"#,
                "`scale` takes `server`, and either `workers` or `by`",
            ),
            (
                r#"{"version":1,"command":"scale","server":"web","workers":1,"by":1}"#,
                "`scale` takes `server`, and either `workers` or `by`",
            ),
            (
                r#"{"version":1,"command":"scale","server":"web","workers":-1}"#,
                "this is no request: invalid value: integer `-1`, expected u32",
            ),
        ] {
            assert_eq!(Request::parse(line.as_bytes()), Err(expected.to_owned()), "{line}");
        }
    }

    #[test]
    fn an_answer_is_a_line() {
        let mut outcome = Outcome { generation: 2, workers: 3, changes: Vec::new() };
        let line = Answer::Ok(outcome.clone()).line();
        assert_eq!(line, "{\"ok\":{\"generation\":2,\"workers\":3}}\n");
        outcome.changes.push("web: workers 2 → 3".to_owned());
        let line = Answer::Ok(outcome).line();
        let changes = "[\"web: workers 2 → 3\"]";
        assert_eq!(
            line,
            format!("{{\"ok\":{{\"generation\":2,\"workers\":3,\"changes\":{changes}}}}}\n")
        );
        assert_eq!(error_line("a \"b\"\n"), "{\"error\":\"a \\\"b\\\"\\n\"}\n");
        let long = Answer::Ok("x".repeat(ANSWER_MAX));
        assert_eq!(long.line(), "{\"error\":\"the answer is too long\"}\n");
    }

    proptest! {
        #[test]
        fn no_line_can_cause_a_panic(bytes in any::<Vec<u8>>()) {
            let _ = Request::parse(&bytes);
        }

        /// Closer to the real thing: pieces of requests in any order.
        #[test]
        fn no_mixture_can_cause_a_panic(pieces in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "\"version\"", "\"command\"", "\"scale\"", "\"server\"",
            "\"workers\"", "\"by\"", "1", "-1", "1e999", "null", "\"\\ud800\"", "\"", " ",
        ]), 0..40)) {
            let _ = Request::parse(pieces.concat().as_bytes());
        }
    }
}
