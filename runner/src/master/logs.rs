//! The files behind the standard streams: opened at the start, and the outputs again whenever they
//! were rotated.
//!
//! The master opens them for everybody, by path and with its own rights, and sends each worker the
//! descriptors; so a worker needs no permission, and all of them change over to the same files. A
//! process writes to its old file until it puts the new one in place with one system call, so no
//! line is lost; when a worker has said that it did, it never writes to the old file again.

use super::errors::Errors;
use super::live::LiveWorker;
use super::run::MasterProcess;
use crate::config::{MasterConfig, ServerConfig, Sourced};
use crate::os::descriptors;
use crate::os::stdio::{Outputs, Stdio, open_input, open_output, reopen_input, reopen_output};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Where the standard streams of the master, or of the workers of a server, are configured to go.
pub(super) struct Streams<'a> {
    /// The section of the configuration.
    key: String,
    stdin: Option<&'a Sourced<PathBuf>>,
    stdout: Option<&'a Sourced<PathBuf>>,
    stderr: Option<&'a Sourced<PathBuf>>,
}

impl<'a> Streams<'a> {
    pub(super) fn of_master(config: &'a MasterConfig) -> Self {
        Self {
            key: "master".to_owned(),
            stdin: config.stdin.as_ref(),
            stdout: config.stdout.as_ref(),
            stderr: config.stderr.as_ref(),
        }
    }

    pub(super) fn of_server(config: &'a ServerConfig) -> Self {
        let settings = &config.settings;
        Self {
            key: format!("server.{}", config.key),
            stdin: settings.stdin.as_ref(),
            stdout: settings.stdout.as_ref(),
            stderr: settings.stderr.as_ref(),
        }
    }

    /// Opens all that are configured.
    pub(super) fn open(&self, errors: &mut Errors) -> Stdio {
        Stdio {
            stdin: self.open_one("stdin", self.stdin, open_input, errors),
            stdout: self.open_one("stdout", self.stdout, open_output, errors),
            stderr: self.open_one("stderr", self.stderr, open_output, errors),
        }
    }

    /// The same, without waiting for anybody.
    pub(super) fn open_at_once(&self, errors: &mut Errors) -> Stdio {
        let stdin = self.open_one("stdin", self.stdin, reopen_input, errors);
        Stdio { stdin, ..self.reopen(errors) }
    }

    /// Opens output and error again, without waiting for anybody.
    pub(super) fn reopen(&self, errors: &mut Errors) -> Stdio {
        Stdio {
            stdin: None,
            stdout: self.open_one("stdout", self.stdout, reopen_output, errors),
            stderr: self.open_one("stderr", self.stderr, reopen_output, errors),
        }
    }

    fn open_one(
        &self,
        name: &str,
        path: Option<&Sourced<PathBuf>>,
        open: fn(&Path) -> io::Result<File>,
        errors: &mut Errors,
    ) -> Option<File> {
        let path = path?;
        let explain = |error| format!("cannot open `{}`: {error}", path.value.display());
        let opened = open(&path.value).map_err(explain);
        errors.keep(&format!("{}.{name}", self.key), &path.origin, opened)
    }
}

impl MasterProcess {
    /// Opens the files of all standard outputs and errors again, puts them in the place of the old
    /// ones here, and sends them to the workers, now and to come. Never waits.
    ///
    /// Returns how many were opened. The errors are those of files that could not be: there the old
    /// one stays, while all others change.
    pub(super) fn reopen_logs(&mut self) -> Result<usize, Vec<String>> {
        let mut errors = Errors::default();
        let own = Streams::of_master(&self.config).reopen(&mut errors);
        let redirected = own.redirect();
        let mut opened = own.count();
        for (index, server) in self.servers.iter_mut().enumerate() {
            for (generations, edition) in server.editions.iter_mut() {
                let streams = Streams::of_server(&edition.config);
                let new = streams.reopen(&mut errors);
                opened += new.count();
                // A stream that a server does not set is the master's.
                let stdout = if streams.stdout.is_some() { &new.stdout } else { &own.stdout };
                let stderr = if streams.stderr.is_some() { &new.stderr } else { &own.stderr };
                let outputs = Outputs { stdout: stdout.as_ref(), stderr: stderr.as_ref() };
                let uses = |worker: &&mut LiveWorker| {
                    worker.server == index && generations.contains(&worker.generation)
                };
                self.live.values_mut().filter(uses).for_each(|worker| send(worker, outputs));
                edition.stdio.take_outputs(new);
            }
        }
        self.reopening = Some(opened);
        self.check_reopened();
        let mut errors = Vec::from(errors);
        errors.extend(redirected.err().map(|error| format!("master: cannot redirect: {error}")));
        if errors.is_empty() { Ok(opened) } else { Err(errors) }
    }

    /// A worker has changed over to the new files, or could not.
    pub(super) fn worker_reopened(&mut self, pid: i32, result: Result<(), String>) {
        if let Some(worker) = self.live.get_mut(&pid) {
            worker.changing = worker.changing.saturating_sub(1);
        }
        if let Err(reason) = result {
            tracing::error!(pid, "a worker keeps its old log files: {reason}");
        }
    }

    /// Logs the end of a change of files, when every worker has said that it changed, or is gone.
    pub(super) fn check_reopened(&mut self) {
        if self.live.values().all(|worker| worker.changing == 0)
            && let Some(files) = self.reopening.take()
        {
            tracing::info!(files, "log files reopened");
        }
    }
}

/// A worker that does not read cannot be helped, and does not hold up the others.
fn send(worker: &mut LiveWorker, outputs: Outputs<'_>) {
    let (streams, descriptors) = outputs.into_message();
    if streams == 0 {
        return;
    }
    match descriptors::send(&worker.channel, streams, &descriptors) {
        Ok(()) => worker.changing += 1,
        // It has ended, which is noticed soon.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => {
            let pid = worker.child.pid();
            tracing::warn!(pid, %error, "a worker does not listen and keeps its old log files");
        }
    }
}
