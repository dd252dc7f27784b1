//! What the supervisor has to say, for the log, the hooks and the launcher.

use super::flood::LeftOut;
use super::prepare::Server;
use super::run::MasterProcess;
use crate::error::{Error, Result};
use crate::hooks::{self, Hooks};
use crate::os::signal::{self, Signals};
use crate::spec::ExitStatus;
use crate::supervisor::{
    Cause, Command, Event, Generation, Reason, ReloadError, Report, SlotId, StartFailure, Stop,
    WorkerExit,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

impl MasterProcess {
    pub(super) fn report(&mut self, report: Report) {
        if let Report::ReloadFinished { generation, .. } = report {
            // Whoever waits for the outcome finds it that way.
            self.settle_configuration(generation);
        }
        self.note(&report);
        self.judge_upgrade(&report);
        match report {
            Report::Started => self.started(),
            Report::StartFailed(failure) => self.start_failed(&failure),
            Report::WorkerReady { slot, generation, pid, after } => {
                tracing::info!(
                    worker = %self.place(slot, generation), pid = pid.0, ?after, "worker ready"
                );
            }
            Report::WorkerExit(exit) => self.worker_exit(&exit),
            Report::ForkFailed { slot, generation, reason } => {
                if self.admits(slot) {
                    tracing::error!(worker = %self.place(slot, generation), "{reason}");
                }
            }
            Report::BackOff { slot, delay, failures } => {
                if self.admits(slot) {
                    let (server, slot) = (self.name(slot), slot.slot);
                    tracing::warn!(server, slot, failures, ?delay, "waiting before the next try");
                }
            }
            Report::Due { slot, generation, pid, why } => {
                let worker = self.place(slot, generation);
                tracing::info!(%worker, pid = pid.0, %why, "worker will be replaced");
            }
            Report::Hung { slot, generation, pid, silent } => {
                let worker = self.place(slot, generation);
                let at = self.stuck(pid);
                tracing::error!(%worker, pid = pid.0, ?silent, "worker hangs, aborting it: {at}");
            }
            Report::Paused { late } => {
                tracing::warn!(?late, "the master did not run; nobody is judged by that time");
            }
            Report::SlotFailed { slot, retry } => self.slot_failed(slot, retry),
            Report::Degraded { server, failures } => {
                tracing::error!(server = self.server_name(server), failures, "server degraded");
            }
            Report::Recovered { server } => {
                tracing::info!(server = self.server_name(server), "server recovered");
            }
            Report::NothingServes(failure) => self.nothing_serves(&failure),
            Report::Scaled { server, from, to, by_load } => {
                tracing::info!(server = self.server_name(server), from, to, by_load, "scaled");
            }
            Report::ReloadFinished { generation, result } => {
                self.reload_finished(generation, &result);
            }
            Report::Ignored(command) => tracing::info!(?command, "ignored while stopping"),
            Report::Stopped => {
                let _ = self.hook("stop", Hooks::stop);
                tracing::info!("stopped");
            }
        }
    }

    /// Whether one more failure of the server's workers may be logged.
    fn admits(&mut self, slot: SlotId) -> bool {
        self.flood.admits(slot.server, self.now())
    }

    /// Logs how many failures were not logged, where that is due.
    pub(super) fn report_left_out(&mut self) {
        self.report_left_out_by(self.now());
    }

    /// The same for all of them, at the end.
    pub(super) fn report_all_left_out(&mut self) {
        self.report_left_out_by(Duration::MAX);
    }

    fn report_left_out_by(&mut self, now: Duration) {
        for LeftOut { server, messages } in self.flood.left_out(now) {
            let server = self.info.servers.get(server).map_or("?", |server| server.name());
            tracing::warn!(server, "{messages} further messages about workers were left out");
        }
    }

    /// Every server serves.
    fn started(&mut self) {
        if let Err(error) = self.hook("start", Hooks::start) {
            self.failed = Some(format!("the `start` hook failed: {error}"));
            self.tell(Event::Command(Command::Stop(Stop::Now)));
            return;
        }
        tracing::info!(pid = self.info.pid(), "ready");
        self.announce_ready();
        if let Some(launcher) = self.launcher.take() {
            launcher.ready();
        }
    }

    fn reload_finished(&mut self, generation: Generation, result: &Result<(), ReloadError>) {
        match result {
            Ok(()) => tracing::info!(generation, "reload finished"),
            Err(error) => {
                let reason = self.explain_reload(error);
                tracing::error!(generation, "reload failed: {reason}");
                if matches!(error, ReloadError::Worker(_)) {
                    self.notify.failed(format!("the last reload failed: {reason}"));
                }
            }
        }
    }

    fn nothing_serves(&mut self, failure: &StartFailure) {
        let worker = self.place(failure.slot, failure.generation);
        let reason = explain_failure(&failure.reason);
        tracing::error!("no server can serve: worker {worker}: {reason}");
        self.notify.failed(format!("no server can serve: worker {worker}: {reason}"));
    }

    fn slot_failed(&self, slot: SlotId, retry: Option<Duration>) {
        let server = self.name(slot);
        let slot = slot.slot;
        match retry {
            Some(after) => tracing::error!(server, slot, ?after, "slot given up for this time"),
            None => tracing::error!(server, slot, "slot given up until a reload or restart"),
        }
    }

    fn start_failed(&mut self, failure: &StartFailure) {
        let worker = self.place(failure.slot, failure.generation);
        let reason = format!("worker {worker}: {}", explain_failure(&failure.reason));
        tracing::error!("cannot start: {reason}");
        self.failed = Some(reason);
    }

    fn worker_exit(&mut self, exit: &WorkerExit) {
        let slot = exit.slot;
        let in_time = matches!(exit.cause, Cause::Asked | Cause::Recycled(_));
        let exit = hooks::WorkerExit {
            server: self.name(exit.slot).to_owned(),
            slot: exit.slot.slot,
            generation: exit.generation,
            pid: exit.pid.0,
            asked: !exit.cause.is_failure(),
            cause: explain(exit),
            status: exit.ending.status,
            core: exit.ending.core,
            uptime: exit.uptime,
            last_request: self.last_requests.remove(&exit.pid.0),
        };
        if in_time {
            tracing::info!(uptime = ?exit.uptime(), "{exit}");
        } else if self.admits(slot) {
            let last_request = exit.last_request();
            tracing::error!(uptime = ?exit.uptime(), last_request, "{exit}");
        }
        let _ = self.hook("worker_exit", |hooks, master| hooks.worker_exit(master, &exit));
    }

    pub(super) fn explain_reload(&self, error: &ReloadError) -> String {
        match error {
            ReloadError::Worker(failure) => {
                let worker = self.place(failure.slot, failure.generation);
                let reason = explain_failure(&failure.reason);
                format!("worker {worker}: {reason}; the old workers go on serving")
            }
            ReloadError::Superseded { by } => format!("generation {by} was asked for meanwhile"),
            ReloadError::Stopping => "the program stops".to_owned(),
        }
    }

    pub(super) fn hook(
        &self,
        name: &str,
        run: impl FnOnce(&dyn Hooks, &hooks::Master) -> Result,
    ) -> Result {
        call_hook(name, self.signals.as_ref(), || run(&*self.program.hooks, &self.info))
    }

    fn name(&self, slot: SlotId) -> &str {
        self.server_name(slot.server)
    }

    pub(super) fn server_name(&self, server: usize) -> &str {
        self.info.servers.get(server).map_or("?", |server| server.name())
    }

    /// `name slot/generation`, as in the titles of processes.
    pub(super) fn place(&self, slot: SlotId, generation: Generation) -> String {
        format!("{} {}/{generation}", self.name(slot), slot.slot)
    }
}

/// Runs a hook, with its signals let through. Its error or panic is logged.
pub(super) fn call_hook(
    name: &str,
    signals: Option<&Signals>,
    run: impl FnOnce() -> Result,
) -> Result {
    let hook =
        || catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(Error::msg("panicked")));
    let result = match signals {
        Some(signals) => signals.unblocked(hook),
        None => hook(),
    };
    result.inspect_err(|error| tracing::error!(hook = name, %error, "hook failed"))
}

/// Prints what is served where.
pub(super) fn log_listeners(servers: &[Server]) {
    for server in servers {
        let addresses: Vec<_> =
            server.listeners.addresses().iter().map(ToString::to_string).collect();
        tracing::info!(
            server = server.name.value,
            kind = %server.kind,
            workers = server.settings().workers.value.initial(),
            from = %server.name.origin,
            "listening on {}",
            addresses.join(", ")
        );
    }
}

pub(super) fn explain(exit: &WorkerExit) -> String {
    let core = if exit.ending.core { ", core dumped" } else { "" };
    let status = format!("{}{core}", explain_status(exit.ending.status));
    match &exit.cause {
        Cause::Asked => format!("told to, {status}"),
        Cause::Overdue => format!("told to, but not in time, {status}"),
        Cause::StartTimeout => format!("not ready in time, {status}"),
        Cause::StartFailed(reason) => format!("cannot start: {reason}"),
        Cause::Recycled(why) => format!("replaced for its `{why}`, {status}"),
        Cause::Misconfigured(reason) => format!("cannot serve as it is configured: {reason}"),
        Cause::Hung => format!("hung, {status}"),
        Cause::OutOfMemory => format!("killed by the kernel for want of memory, {status}"),
        Cause::Finished => format!("not told to, {status}"),
        Cause::Crashed => format!("crashed, {status}"),
    }
}

pub(super) fn explain_failure(reason: &Reason) -> String {
    match reason {
        Reason::Exited(status) => {
            format!("ended with {} before it was ready", explain_status(*status))
        }
        Reason::ShortLived(status) => {
            format!("ended with {} soon after it was ready", explain_status(*status))
        }
        other => other.to_string(),
    }
}

fn explain_status(status: ExitStatus) -> String {
    match status {
        ExitStatus::Signal(number) => signal::name(number),
        code @ ExitStatus::Code(_) => code.to_string(),
    }
}
