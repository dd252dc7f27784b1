//! Asking the master.

use super::protocol::{ANSWER_MAX, Answer, Request};
use super::running::holder;
use crate::os::local;
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::Path;
use std::time::Duration;

/// How long a master that is busy may take to take a connection. A hook may be running.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// Where to find the master.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client<'a> {
    pub(super) socket: &'a Path,
    pub(super) pid_file: Option<&'a Path>,
}

impl Client<'_> {
    /// Asks, and waits for the answer.
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        request: &Request,
        patience: Duration,
    ) -> Result<T, String> {
        let shown = self.socket.display();
        let mut stream = local::connect(self.socket, CONNECT_PATIENCE).map_err(|error| {
            self.explain(error.kind())
                .unwrap_or_else(|| format!("cannot connect to `{shown}`: {error}"))
        })?;
        stream.set_read_timeout(Some(patience)).map_err(|error| error.to_string())?;
        // A master that does not listen to us says why all the same.
        let _ = stream.write_all(request.line().as_bytes());
        let mut line = Vec::new();
        let most = 2 * ANSWER_MAX as u64;
        let read = BufReader::new(stream).take(most).read_until(b'\n', &mut line);
        match read {
            Err(error) if line.is_empty() && error.kind() == ErrorKind::WouldBlock => {
                return Err(format!("no answer after {patience:?} (from `{shown}`)"));
            }
            Err(error) if line.is_empty() => {
                return Err(format!("no answer: {error} (from `{shown}`)"));
            }
            Ok(0) => {
                return Err(format!("the master has ended without an answer (from `{shown}`)"));
            }
            Ok(_) | Err(_) => {}
        }
        match serde_json::from_slice(&line) {
            Ok(Answer::Ok(answer)) => Ok(answer),
            Ok(Answer::Error(error)) => Err(error),
            Err(error) => Err(format!("cannot read the answer: {error} (from `{shown}`)")),
        }
    }

    /// Why nobody listens.
    fn explain(&self, error: ErrorKind) -> Option<String> {
        if !matches!(error, ErrorKind::NotFound | ErrorKind::ConnectionRefused) {
            return None;
        }
        let shown = self.socket.display();
        match self.pid_file.map(holder) {
            Some(Ok(Some(pid))) => Some(format!(
                "nobody listens at `{shown}`, although the program runs with pid {pid}; \
                 signals work, and HUP makes it listen there again"
            )),
            Some(Err(error)) => Some(error),
            _ => Some(format!("not running: nobody listens at `{shown}`")),
        }
    }
}
