//! Scripts: what happens, and indented below it what the supervisor does.
//!
//! ```text
//! servers 2 1           two servers, of two workers and of one; this, or `server`, begins a script
//! server 4 surge=1      one server with options: surge, unavailable, heartbeat, lifetime, memory,
//!                       restarts, window, range, start, drain, lame
//! +1s                   time passes; what is done then is preceded by the time
//! ready 100 102         workers are READY (`ready all`: all that are starting)
//! failed 100 no disk    a worker says why it cannot serve; `misconfigured`: and that it never will
//! due 100               a worker has had its `max_requests`
//! heartbeat 100 2s      the answer to `heartbeat of 100?`: it was alive 2 s ago; `in 2s`: it lies
//! memory 100 4096       the answer to `memory of 100?`
//! load 0 3 150          the answer to `load of 0?`: 3 connections wait, 1.5 cores are busy
//! exit 100 code 1       a process has ended; so have `exit 100 sig 9` and `exit all code 0`, and
//!                       `exit 100 oom`, for want of memory
//! forks fail            from now on, until `forks work`; with `forks hang` they are answered then
//! reload                so are `restart`, `stop`, `stop now`; `reload 1 2`: only these servers
//! scale +1              all servers get one worker more; `scale 4`: so many
//! configure 1 4 drain=9s
//!                       server 1 is another one from now on, of 4 workers with these options
//! upgrade               the supervisor is written down and read again
//! upgrade same, gone, 2 the new program has no second server, and has another one of 2 workers
//! roll back 2           the new program has failed, whose reload had this generation
//! late 30s              time passes in which nobody looks at the clock
//! workers               shows all processes
//! ```
//!
//! Processes are numbered from 100. Forks show it: `fork 0.1 g1 = 100` is slot 1 of server 0,
//! generation 1. Workers have 10 s to start and 20 s to drain; there is no jitter.

use crate::spec::Share;
use std::fmt::Write as _;

use super::*;

mod configure;
mod crash;
mod escalation;
mod exhaustive;
mod health;
mod lame_duck;
mod ledger;
mod mistakes;
mod properties;
mod recycle;
mod reload;
mod reload_only;
mod restart;
mod roll_back;
mod scale;
mod start;
mod stop;
mod upgrade;
mod upgrade_changes;

/// Plays the script and compares what is done with what the script says.
#[track_caller]
fn check(script: &str) {
    let lines = script.lines().filter(|line| !line.trim().is_empty());
    let margin = lines.clone().map(indent).min().unwrap_or(0);
    let expected: String = lines.map(|line| format!("{}\n", &line[margin..])).collect();
    let mut stage = Stage::default();
    for line in expected.lines().filter(|line| indent(line) == 0) {
        stage.play(line);
    }
    assert!(expected == stage.seen, "expected:\n{expected}\nseen:\n{}", stage.seen);
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The world around a supervisor, and the protocol of what has happened.
#[derive(Default)]
struct Stage {
    supervisor: Option<Supervisor>,
    servers: Vec<ServerSettings>,
    now: Time,
    forked: i32,
    forks: Forks,
    unanswered: Vec<(SlotId, Generation)>,
    seen: String,
}

/// What comes of forks.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Forks {
    #[default]
    Work,
    Fail,
    Hang,
}

impl Stage {
    fn play(&mut self, line: &str) {
        writeln!(self.seen, "{line}").unwrap();
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (noun, detail) = rest.split_once(' ').unwrap_or((rest, ""));
        match verb {
            "servers" => self.begin(&rest.split(' ').map(server).collect::<Vec<_>>()),
            "server" => self.begin(&[server(rest)]),
            "ready" => {
                for pid in self.pids(rest, |state| state == State::Starting) {
                    self.tell(Event::Ready { pid });
                }
            }
            "failed" | "misconfigured" => {
                let (pid, reason) = (Pid(noun.parse().unwrap()), detail.to_owned());
                self.tell(Event::Failed { pid, reason, retry: verb == "failed" });
            }
            "due" => {
                self.tell(Event::Due { pid: Pid(noun.parse().unwrap()), why: Recycle::Requests });
            }
            "heartbeat" => {
                let at = match detail.strip_prefix("in ") {
                    Some(future) => self.now + duration(future),
                    None => self.now - duration(detail),
                };
                self.tell(Event::Heartbeat { pid: Pid(noun.parse().unwrap()), at });
            }
            "memory" => {
                let private = detail.parse().unwrap();
                self.tell(Event::Memory { pid: Pid(noun.parse().unwrap()), private });
            }
            "load" => {
                let (queued, busy) = detail.split_once(' ').unwrap();
                let (queued, busy_percent) = (queued.parse().unwrap(), busy.parse().unwrap());
                let load = Load { queued, busy_percent };
                self.tell(Event::Load { server: noun.parse().unwrap(), load });
            }
            "exit" => {
                for pid in self.pids(noun, |_| true) {
                    self.tell(Event::Exited { pid, ending: ending(detail) });
                }
            }
            "scale" => {
                let to = match rest.strip_prefix('+') {
                    Some(more) => Scale::By(more.parse().unwrap()),
                    None if rest.starts_with('-') => Scale::By(rest.parse().unwrap()),
                    None => Scale::To(rest.parse().unwrap()),
                };
                self.tell(Event::Command(Command::Scale { server: None, to }));
            }
            "configure" => {
                let (now, index) = (self.now, noun.parse().unwrap());
                self.servers[index] = server(detail);
                self.supervisor().configure(now, index, server(detail));
                self.act("");
            }
            "upgrade" => self.upgrade(rest),
            "roll" => {
                let now = self.now;
                self.supervisor().roll_back(now, detail.parse().unwrap());
                self.act("");
            }
            "late" => {
                self.now += duration(rest);
                let now = self.now;
                self.supervisor().handle_timeout(now);
                self.act("");
            }
            "forks" => self.set_forks(rest),
            "reload" if !rest.is_empty() => {
                let servers = rest.split(' ').map(|server| server.parse().unwrap()).collect();
                self.tell(Event::Command(Command::ReloadOnly(servers)));
            }
            "reload" => self.tell(Event::Command(Command::Reload)),
            "restart" => self.tell(Event::Command(Command::Restart)),
            "stop" if rest == "now" => self.tell(Event::Command(Command::Stop(Stop::Now))),
            "stop" => self.tell(Event::Command(Command::Stop(Stop::Graceful))),
            "workers" => self.show_workers(),
            _ => self.pass(duration(line.strip_prefix('+').expect(line))),
        }
    }

    fn begin(&mut self, servers: &[ServerSettings]) {
        self.servers = servers.to_vec();
        self.supervisor = Some(Supervisor::new(self.now, settings(), servers));
        self.act("");
    }

    /// Without any text all is the same.
    fn upgrade(&mut self, text: &str) {
        let Ledger { servers, newest, .. } = handed_over(&self.supervisor().ledger());
        let mut ledgers = servers.into_iter();
        let mut texts = text.split_terminator(", ");
        let mut adopted = Vec::new();
        while adopted.len() < self.servers.len().max(text.split_terminator(", ").count()) {
            let (text, before) = (texts.next(), self.servers.get(adopted.len()));
            let settings = match (text, before) {
                (None | Some("same" | "gone"), before) => before.unwrap().clone(),
                (Some(text), _) => server(text),
            };
            let removed = text == Some("gone");
            adopted.push(Adopted { settings, ledger: ledgers.next(), removed });
        }
        self.servers = adopted.iter().map(|server| server.settings.clone()).collect();
        let adopted = Supervisor::adopt(self.now, settings(), adopted, newest);
        self.supervisor = Some(adopted.expect("what was written"));
        self.act("");
    }

    fn supervisor(&mut self) -> &mut Supervisor {
        self.supervisor.as_mut().expect("a script begins with its servers")
    }

    fn tell(&mut self, event: Event) {
        let now = self.now;
        self.supervisor().handle(now, event);
        self.act("");
    }

    fn pass(&mut self, time: Time) {
        let end = self.now + time;
        while let Some(timeout) = self.supervisor().poll_timeout().filter(|it| *it <= end) {
            self.now = timeout;
            self.supervisor().handle_timeout(timeout);
            self.act(&format!("{timeout:?} "));
            let next = self.supervisor().poll_timeout();
            assert!(next.is_none_or(|at| timeout < at), "a timeout that does not go away");
        }
        self.now = end;
    }

    fn act(&mut self, prefix: &str) {
        while let Some(action) = self.supervisor().poll_action() {
            write!(self.seen, "    {prefix}{}", Shown(&action)).unwrap();
            if let Action::Fork { slot, generation } = action {
                self.fork(slot, generation);
            }
            self.seen.push('\n');
        }
    }

    fn set_forks(&mut self, how: &str) {
        self.forks = match how {
            "fail" => Forks::Fail,
            "hang" => Forks::Hang,
            _ => Forks::Work,
        };
        for (slot, generation) in std::mem::take(&mut self.unanswered) {
            write!(self.seen, "    fork {}", place(slot, generation)).unwrap();
            self.fork(slot, generation);
            self.seen.push('\n');
            self.act("");
        }
    }

    fn fork(&mut self, slot: SlotId, generation: Generation) {
        let now = self.now;
        let event = match self.forks {
            Forks::Work => {
                let pid = Pid(100 + self.forked);
                self.forked += 1;
                write!(self.seen, " = {}", pid.0).unwrap();
                Event::Forked { slot, generation, pid }
            }
            Forks::Fail => Event::ForkFailed { slot, generation, reason: "no memory".to_owned() },
            Forks::Hang => return self.unanswered.push((slot, generation)),
        };
        self.supervisor().handle(now, event);
    }

    fn pids(&mut self, list: &str, all: fn(State) -> bool) -> Vec<Pid> {
        if list == "all" {
            let workers = workers(self.supervisor()).into_iter();
            return workers.filter(|it| all(it.state)).filter_map(|it| it.pid).collect();
        }
        list.split_whitespace().map(|pid| Pid(pid.parse().unwrap())).collect()
    }

    fn show_workers(&mut self) {
        for worker in workers(self.supervisor()) {
            let WorkerStatus { slot, generation, pid, state, .. } = worker;
            let pid = pid.map_or("-".to_owned(), |pid| pid.0.to_string());
            writeln!(self.seen, "    {} {pid} {state:?}", place(slot, generation)).unwrap();
        }
    }
}

fn settings() -> Settings {
    Settings { jitter_percent: 0, drain_margin: Time::from_secs(1), ..Settings::default() }
}

/// What another program reads.
fn handed_over(ledger: &Ledger) -> Ledger {
    let text = serde_json::to_string(ledger).expect("written");
    serde_json::from_str(&text).expect("read")
}

/// All processes, and the slots that wait for one.
fn workers(supervisor: &Supervisor) -> Vec<WorkerStatus> {
    supervisor.status().flat_map(|server| server.workers).collect()
}

/// `4 surge=1 …`
fn server(text: &str) -> ServerSettings {
    let (workers, options) = text.split_once(' ').unwrap_or((text, ""));
    let mut settings = ServerSettings {
        workers: workers.parse().unwrap(),
        start_timeout: Time::from_secs(10),
        drain_timeout: Time::from_secs(20),
        max_restarts: Some(1000),
        ..ServerSettings::default()
    };
    for option in options.split_whitespace() {
        let (name, value) = option.split_once('=').unwrap();
        let number = || value.parse().unwrap();
        match name {
            "surge" => settings.max_surge = Share::Count(number()),
            "unavailable" => settings.max_unavailable = Share::Count(number()),
            "heartbeat" => settings.heartbeat_timeout = Some(duration(value)),
            "lifetime" => settings.max_lifetime = Some(duration(value)),
            "start" => settings.start_timeout = duration(value),
            "lame" => settings.lame_duck = duration(value),
            "drain" => settings.drain_timeout = duration(value),
            "memory" => settings.max_memory = Some(number().into()),
            "restarts" => settings.max_restarts = Some(number()),
            "window" => settings.restart_window = duration(value),
            "range" => {
                let (least, most) = value.split_once("..").unwrap();
                settings.bounds = (least.parse().unwrap(), most.parse().unwrap());
                settings.elastic = true;
            }
            _ => panic!("unknown option {name}"),
        }
    }
    settings
}

fn ending(text: &str) -> Ending {
    match text.split_once(' ') {
        Some(("code", code)) => ExitStatus::Code(code.parse().unwrap()).into(),
        Some((_, signal)) => ExitStatus::Signal(signal.parse().unwrap()).into(),
        None => Ending { status: ExitStatus::Signal(9), core: false, out_of_memory: true },
    }
}

fn duration(text: &str) -> Time {
    match text.strip_suffix("ms") {
        Some(millis) => Time::from_millis(millis.parse().unwrap()),
        None => Time::from_secs(text.trim_end_matches('s').parse().unwrap()),
    }
}

fn place(slot: SlotId, generation: Generation) -> String {
    format!("{}.{} g{generation}", slot.server, slot.slot)
}

/// An action in a script.
struct Shown<'a>(&'a Action);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Action::Fork { slot, generation } => write!(f, "fork {}", place(*slot, *generation)),
            Action::Signal { pid, how: Leave::LameDuck } => write!(f, "lame duck {}", pid.0),
            Action::Signal { pid, how: Leave::Drain } => write!(f, "drain {}", pid.0),
            Action::Signal { pid, how: Leave::Stop } => write!(f, "stop {}", pid.0),
            Action::Signal { pid, how: Leave::Abort } => write!(f, "abort {}", pid.0),
            Action::Signal { pid, how: Leave::Kill } => write!(f, "kill {}", pid.0),
            Action::ReadHeartbeat { pid } => write!(f, "heartbeat of {}?", pid.0),
            Action::ReadMemory { pid } => write!(f, "memory of {}?", pid.0),
            Action::ReadLoad { server } => write!(f, "load of {server}?"),
            Action::Report(report) => write!(f, "{}", ShownReport(report)),
            Action::Finish { code } => write!(f, "finish {code}"),
        }
    }
}

struct ShownReport<'a>(&'a Report);

impl std::fmt::Display for ShownReport<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let failed = |failure: &StartFailure| {
            format!("{} {}", place(failure.slot, failure.generation), failure.reason)
        };
        match self.0 {
            Report::Started => write!(f, "started"),
            Report::StartFailed(failure) => write!(f, "start failed: {}", failed(failure)),
            Report::WorkerReady { pid, after, .. } => write!(f, "{} ready in {after:?}", pid.0),
            Report::WorkerExit(WorkerExit { pid, ending, uptime, cause, .. }) => {
                write!(f, "{} {cause}, {} after {uptime:?}", pid.0, ending.status)
            }
            Report::Due { pid, why, .. } => write!(f, "{} has reached {why}", pid.0),
            Report::Hung { pid, silent, .. } => write!(f, "{} is silent for {silent:?}", pid.0),
            Report::Paused { late } => write!(f, "paused for {late:?}"),
            Report::SlotFailed { slot, retry } => {
                write!(f, "{}.{} given up, retry: {retry:?}", slot.server, slot.slot)
            }
            Report::Degraded { server, failures } => {
                write!(f, "{server} degraded, failures: {failures}")
            }
            Report::Recovered { server } => write!(f, "{server} recovered"),
            Report::NothingServes(failure) => write!(f, "nothing serves: {}", failed(failure)),
            Report::Scaled { server, from, to, by_load } => {
                write!(
                    f,
                    "{server} scaled {from} to {to}{}",
                    if *by_load { " by load" } else { "" }
                )
            }
            Report::ForkFailed { slot, generation, reason } => {
                write!(f, "no fork of {}: {reason}", place(*slot, *generation))
            }
            Report::BackOff { slot, delay, failures } => {
                write!(f, "{}.{} waits {delay:?}, failures: {failures}", slot.server, slot.slot)
            }
            Report::ReloadFinished { generation, result } => match result {
                Ok(()) => write!(f, "reloaded g{generation}"),
                Err(ReloadError::Worker(it)) => {
                    write!(f, "no reload g{generation}: {}", failed(it))
                }
                Err(error) => write!(f, "no reload g{generation}: {error:?}"),
            },
            Report::Ignored(command) => write!(f, "ignored {command:?}"),
            Report::Stopped => write!(f, "stopped"),
        }
    }
}
