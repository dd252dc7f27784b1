//! What the master does with requests from the control socket.

use super::control::{ClientId, Control};
use super::goal::{Goal, Resize, Wish};
use super::prepare::Server;
use super::reconfigure::Extent;
use super::record::millis;
use super::report::{explain, explain_failure};
use super::run::MasterProcess;
use super::start::supervisor_settings;
use crate::config::suggestion;
use crate::control::protocol::{
    Answer, Exit, Outcome, Request, ServerStatus, Status, Why, WorkerStatus, error_line,
};
use crate::hooks::ServerInfo;
use crate::os::pidfile::{PidFile, PidFileError};
use crate::os::signal;
use crate::spec::ExitStatus;
use crate::supervisor::{
    self, Cause, Command, Event, Generation, Report, Scale, State, Supervisor, Time, WorkerExit,
};
use std::time::{Duration, SystemTime};

/// How much longer a change may take than all workers of a server may take to start, one after the
/// other, and to drain.
const MARGIN: Duration = Duration::from_secs(10);

/// What somebody gets who has asked for something.
enum Reply {
    Now(String),
    /// The outcome, when there is one.
    Later(Wish),
}

impl MasterProcess {
    /// Takes requests in, and answers those that ask for nothing that takes time.
    pub(super) fn serve_control(&mut self) {
        let now = self.now();
        let requests = self.control.as_mut().map(|control| control.take_requests(now));
        for (client, request) in requests.into_iter().flatten() {
            match request.and_then(|request| self.obey(client, request)) {
                Ok(Reply::Now(answer)) => self.answer(client, answer),
                Ok(Reply::Later(wish)) => {
                    let until = now.saturating_add(self.patience());
                    if let Some(control) = &mut self.control {
                        control.expect(client, wish, until);
                    }
                }
                Err(error) => self.answer(client, error_line(&error)),
            }
        }
    }

    /// Answers those whose goal is reached or takes too long, and gives up those who are too slow.
    /// To be called when nothing is left to be done for the supervisor.
    pub(super) fn settle_control(&mut self) {
        let now = self.now();
        let Some(control) = &mut self.control else {
            return;
        };
        control.expire(now);
        let waiting = control.wishes().map(|(client, wish, until)| (client, wish.clone(), until));
        let waiting: Vec<_> = waiting.collect();
        if waiting.is_empty() {
            return;
        }
        let servers: Vec<_> = self.supervisor.status().collect();
        for (client, wish, until) in waiting {
            let overdue = || {
                let error = "it takes too long; the log of the master tells more".to_owned();
                (until <= now).then_some(Err(error))
            };
            let reached = match &wish.goal {
                Goal::Reopen => self.reopening.is_none().then_some(Ok(())),
                Goal::Reconfigure { reload, .. } if self.is_under_way(*reload) => None,
                goal => goal.judge(&servers),
            };
            if let Some(result) = reached.or_else(overdue) {
                self.conclude(client, wish, result);
            }
        }
    }

    /// Keeps what is asked for later, and answers those whose goal a report decides.
    pub(super) fn note(&mut self, report: &Report) {
        if let Report::WorkerExit(exit) = report {
            self.record.note(self.now(), self.describe_exit(exit));
        }
        let Some(control) = &self.control else {
            return;
        };
        let decide = |(client, wish, _): (ClientId, &Wish, Time)| {
            Some((client, wish.clone(), self.decide(&wish.goal, report)?))
        };
        for (client, wish, result) in control.wishes().filter_map(decide).collect::<Vec<_>>() {
            self.conclude(client, wish, result);
        }
    }

    /// Makes the pid file and the control socket anew if somebody has removed them, as those do who
    /// clean up `/tmp`.
    pub(super) fn ensure_found(&mut self) {
        match self.pid_file.as_mut().map(PidFile::ensure) {
            Some(Ok(true)) => tracing::warn!("the pid file was gone; it is there again"),
            Some(Err(PidFileError::Held(_))) => {
                tracing::error!("the pid file was gone, and another process has its place now");
            }
            Some(Err(PidFileError::Io(error))) => {
                tracing::error!(%error, "the pid file is gone, and cannot be made again");
            }
            Some(Ok(false)) | None => {}
        }
        match self.control.as_mut().map(Control::ensure) {
            Some(Ok(true)) => tracing::warn!("the control socket was gone; it is there again"),
            Some(Err(error)) => {
                tracing::error!(%error, "the control socket is gone, and cannot be made again");
            }
            Some(Ok(false)) | None => {}
        }
    }

    // Requests.

    fn obey(&mut self, client: ClientId, request: Request) -> Result<Reply, String> {
        if !matches!(request, Request::Status | Request::Why) {
            tracing::info!(?request, "request received");
        }
        if matches!(request, Request::Reload | Request::Restart | Request::Reconfigure) {
            self.refuse_during_upgrade()?;
        }
        Ok(match request {
            Request::Upgrade => {
                self.begin_upgrade(client)?;
                Reply::Later(Goal::Upgrade.into())
            }
            Request::Status => Reply::Now(Answer::Ok(self.status()).line()),
            Request::Why => {
                let exits = self.record.exits(self.now()).collect();
                Reply::Now(Answer::Ok(Why { exits }).line())
            }
            Request::Reopen => {
                self.ensure_found();
                self.reopen_logs().map_err(|errors| errors.join("; "))?;
                Reply::Later(Goal::Reopen.into())
            }
            Request::Reload => {
                let changes = self.reconfigure(Extent::All).map_err(|errors| errors.join("\n"))?;
                let generation = self.supervisor.generation();
                Reply::Later(Wish { goal: Goal::Reload { generation }, changes })
            }
            Request::Reconfigure => Reply::Later(self.reconfigure_and_reopen()?),
            Request::Restart => {
                let changes = self.reconfigure(Extent::AllAtOnce);
                let changes = changes.map_err(|errors| errors.join("\n"))?;
                let generation = self.supervisor.generation();
                Reply::Later(Wish { goal: Goal::Restart { generation }, changes })
            }
            Request::Scale { server, to } => Reply::Later(self.scale(&server, to)?.into()),
        })
    }

    /// Does what HUP does.
    fn reconfigure_and_reopen(&mut self) -> Result<Wish, String> {
        self.ensure_found();
        let sizes = |supervisor: &Supervisor| supervisor.status().map(|it| it.target).collect();
        let before: Vec<u32> = sizes(&self.supervisor);
        let changes = self.reconfigure(Extent::Changed);
        let reopened = self.reopen_logs();
        let changes = changes.map_err(|errors| errors.join("\n"))?;
        reopened.map_err(|errors| errors.join("\n"))?;
        let after: Vec<u32> = sizes(&self.supervisor);
        let resizes = before.into_iter().zip(after).enumerate();
        let resizes = resizes.filter(|(_, (from, to))| from != to);
        let resizes = resizes.map(|(server, (from, to))| Resize { server, from, to }).collect();
        let reload = self.supervisor.reloading();
        Ok(Wish { goal: Goal::Reconfigure { reload, resizes }, changes })
    }

    /// Whether log files are being changed over to, or this reload goes on.
    fn is_under_way(&self, reload: Option<Generation>) -> bool {
        let reloading = self.supervisor.reloading();
        self.reopening.is_some() || (reload.is_some() && reload == reloading)
    }

    fn scale(&mut self, name: &str, to: Scale) -> Result<Goal, String> {
        let is_named = |server: &Server| server.name.value == name || server.key == name;
        let index = self.servers.iter().position(is_named);
        let server = index.ok_or_else(|| {
            let names = self.info.servers.iter().map(ServerInfo::name);
            format!("no server `{name}`; {}", suggestion(name, names))
        })?;
        let (least, most) = supervisor_settings(self.servers[server].settings()).bounds;
        let from = self.supervisor.status().nth(server).map_or(0, |server| server.target);
        let wanted = match to {
            Scale::To(count) => i64::from(count),
            Scale::By(more) => i64::from(from) + i64::from(more),
        };
        let to = u32::try_from(wanted).ok().filter(|to| (least..=most).contains(to));
        let to = to.ok_or_else(|| {
            format!("`{name}` may have {least} to {most} workers, not {wanted}; it has {from}")
        })?;
        let command = Command::Scale { server: Some(server), to: Scale::To(to) };
        self.tell(Event::Command(command));
        Ok(Goal::Scale(Resize { server, from, to }))
    }

    /// How long a change may take.
    fn patience(&self) -> Duration {
        let servers = self.servers.iter().zip(self.supervisor.status());
        let longest = servers.map(|(server, status)| {
            let settings = server.settings();
            let starting = settings.start_timeout.value.saturating_mul(status.target.max(1));
            starting.saturating_add(settings.drain_timeout.value)
        });
        longest.max().unwrap_or_default().saturating_add(MARGIN)
    }

    // Outcomes.

    /// Whether a report means that a goal is reached, or why it is missed.
    fn decide(&self, goal: &Goal, report: &Report) -> Option<Result<(), String>> {
        Some(match report {
            Report::ReloadFinished { generation, result: Err(error) }
                if goal.reload() == Some(*generation) =>
            {
                Err(self.explain_reload(error))
            }
            Report::ReloadFinished { generation, result: Ok(()) }
                if *goal == (Goal::Reload { generation: *generation }) =>
            {
                Ok(())
            }
            Report::WorkerExit(exit)
                if exit.cause.is_failure() && goal.needs(exit.slot, exit.generation) =>
            {
                let worker = self.place(exit.slot, exit.generation);
                Err(format!("worker {worker}: {}", explain(exit)))
            }
            Report::ForkFailed { slot, generation, reason } if goal.needs(*slot, *generation) => {
                Err(format!("worker {}: {reason}", self.place(*slot, *generation)))
            }
            Report::StartFailed(failure) | Report::NothingServes(failure) => {
                let worker = self.place(failure.slot, failure.generation);
                let reason = explain_failure(&failure.reason);
                Err(format!("the program stops, because of worker {worker}: {reason}"))
            }
            Report::Ignored(_) => Err("the program is stopping".to_owned()),
            _ => return None,
        })
    }

    pub(super) fn conclude(&mut self, client: ClientId, wish: Wish, result: Result<(), String>) {
        let answer = Answer::from(result.map(|()| self.outcome(wish))).line();
        self.answer(client, answer);
    }

    pub(super) fn answer(&mut self, client: ClientId, answer: String) {
        let now = self.now();
        if let Some(control) = &mut self.control {
            control.answer(client, answer, now);
        }
    }

    fn outcome(&self, Wish { goal, changes }: Wish) -> Outcome {
        let of = |server: usize| match goal {
            Goal::Scale(Resize { server: scaled, .. }) => scaled == server,
            _ => true,
        };
        let servers = self.supervisor.status().enumerate().filter(|(index, _)| of(*index));
        let ready = |(_, server): (usize, supervisor::ServerStatus)| {
            server.workers.iter().filter(|worker| worker.state == State::Ready).count()
        };
        let workers = u32::try_from(servers.map(ready).sum::<usize>()).unwrap_or(u32::MAX);
        Outcome { generation: self.supervisor.generation(), workers, changes }
    }

    // Descriptions.

    fn status(&self) -> Status {
        let now = self.now();
        let servers = self.servers.iter().zip(&self.info.servers).zip(self.supervisor.status());
        // One that an upgrade has taken out of the program is there as long as its last worker.
        let servers = servers
            .filter(|((server, _), status)| server.serve.is_some() || !status.workers.is_empty());
        let servers = servers.map(|((_, info), status)| ServerStatus {
            name: info.name().to_owned(),
            kind: info.kind().to_string(),
            addresses: info.addresses().to_vec(),
            target: status.target,
            degraded: status.degraded,
            failures: status.failures,
            workers: status.workers.iter().map(|it| self.worker_status(it, now)).collect(),
        });
        Status {
            program: self.info.name().to_owned(),
            pid: self.info.pid(),
            uptime_ms: millis(now),
            generation: self.supervisor.generation(),
            servers: servers.collect(),
        }
    }

    fn describe_exit(&self, exit: &WorkerExit) -> Exit {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let (cause, reason) = describe_cause(&exit.cause);
        let (exit_code, signal) = match exit.ending.status {
            ExitStatus::Code(code) => (Some(code), None),
            ExitStatus::Signal(number) => (None, Some(signal::name(number))),
        };
        Exit {
            unix_time: since_1970.unwrap_or_default().as_secs(),
            age_ms: 0,
            server: self.server_name(exit.slot.server).to_owned(),
            slot: exit.slot.slot,
            generation: exit.generation,
            pid: exit.pid.0,
            cause: cause.into(),
            reason,
            exit_code,
            signal,
            core: exit.ending.core,
            uptime_ms: millis(exit.uptime),
            last_request: self.last_requests.get(&exit.pid.0).cloned(),
        }
    }

    fn worker_status(&self, worker: &supervisor::WorkerStatus, now: Time) -> WorkerStatus {
        let (state, retry) = match worker.state {
            State::Starting => ("starting", None),
            State::Ready => ("ready", None),
            State::LameDuck => ("lame duck", None),
            State::Draining => ("draining", None),
            State::Stopping => ("stopping", None),
            State::BackOff { until } => ("back-off", Some(until)),
            State::Failed { until } => ("failed", until),
        };
        let pid = worker.pid.map(|pid| pid.0);
        let counts = pid.and_then(|pid| Some(self.live.get(&pid)?.row.counts()));
        WorkerStatus {
            slot: worker.slot.slot,
            generation: worker.generation,
            pid,
            age_ms: pid.map(|_| millis(now.saturating_sub(worker.since))),
            memory_bytes: None,
            connections: counts.map(|counts| counts.connections),
            requests: counts.map(|counts| counts.requests),
            accept_failures: counts.map(|counts| counts.accept_failures),
            state: state.into(),
            retry_ms: retry.map(|until| millis(until.saturating_sub(now))),
        }
    }
}

/// The word for a cause, and what there is to say about it.
fn describe_cause(cause: &Cause) -> (&'static str, Option<String>) {
    match cause {
        Cause::Asked => ("asked", None),
        Cause::Recycled(limit) => ("recycled", Some(limit.to_string())),
        Cause::Overdue => ("overdue", None),
        Cause::StartTimeout => ("not-ready", None),
        Cause::StartFailed(reason) => ("cannot-start", Some(reason.clone())),
        Cause::Misconfigured(reason) => ("misconfigured", Some(reason.clone())),
        Cause::Hung => ("hung", None),
        Cause::OutOfMemory => ("out-of-memory", None),
        Cause::Finished => ("finished", None),
        Cause::Crashed => ("crashed", None),
    }
}
