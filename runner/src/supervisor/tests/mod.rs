//! Scripts: what happens, and indented below it what the supervisor does.
//!
//! ```text
//! servers 2 1           two servers, of two workers and of one; this begins every script
//! +1s                   time passes; what is done then is preceded by the time
//! ready 100 102         workers are READY (`ready all`: all that are starting)
//! failed 100 no disk    a worker says why it cannot serve
//! exit 100 code 1       a process has ended; so have `exit 100 sig 9` and `exit all code 0`
//! forks fail            from now on, until `forks work`; with `forks hang` they are answered then
//! reload                so are `restart`, `stop`, `stop now`
//! workers               shows all processes
//! ```
//!
//! Processes are numbered from 100. Forks show it: `fork 0.1 g1 = 100` is slot 1 of server 0,
//! generation 1. Workers have 10 s to start and 20 s to drain; there is no jitter.

use std::fmt::Write as _;

use super::*;

mod crash;
mod properties;
mod reload;
mod restart;
mod start;
mod stop;
mod world;

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
            "servers" => self.begin(rest),
            "ready" => {
                for pid in self.pids(rest, |state| state == State::Starting) {
                    self.tell(Event::Ready { pid });
                }
            }
            "failed" => {
                let pid = Pid(noun.parse().unwrap());
                self.tell(Event::Failed { pid, reason: detail.to_owned() });
            }
            "exit" => {
                let status = match detail.split_once(' ').unwrap() {
                    ("code", code) => ExitStatus::Code(code.parse().unwrap()),
                    (_, signal) => ExitStatus::Signal(signal.parse().unwrap()),
                };
                for pid in self.pids(noun, |_| true) {
                    self.tell(Event::Exited { pid, status });
                }
            }
            "forks" => self.set_forks(rest),
            "reload" => self.tell(Event::Command(Command::Reload)),
            "restart" => self.tell(Event::Command(Command::Restart)),
            "stop" if rest == "now" => self.tell(Event::Command(Command::Stop(Stop::Now))),
            "stop" => self.tell(Event::Command(Command::Stop(Stop::Graceful))),
            "workers" => self.show_workers(),
            _ => self.pass(duration(line.strip_prefix('+').expect(line))),
        }
    }

    fn begin(&mut self, sizes: &str) {
        let server = |size: &str| ServerSettings {
            workers: size.parse().unwrap(),
            start_timeout: Time::from_secs(10),
            drain_timeout: Time::from_secs(20),
        };
        let servers: Vec<_> = sizes.split_whitespace().map(server).collect();
        let settings = Settings { jitter_percent: 0, ..Settings::default() };
        self.supervisor = Some(Supervisor::new(self.now, settings, &servers));
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
            let workers = self.supervisor().workers().filter(|worker| all(worker.state));
            return workers.filter_map(|worker| worker.pid).collect();
        }
        list.split_whitespace().map(|pid| Pid(pid.parse().unwrap())).collect()
    }

    fn show_workers(&mut self) {
        for worker in self.supervisor().workers().collect::<Vec<_>>() {
            let WorkerStatus { slot, generation, pid, state } = worker;
            let pid = pid.map_or("-".to_owned(), |pid| pid.0.to_string());
            writeln!(self.seen, "    {} {pid} {state:?}", place(slot, generation)).unwrap();
        }
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
            Action::Signal { pid, how: Leave::Drain } => write!(f, "drain {}", pid.0),
            Action::Signal { pid, how: Leave::Stop } => write!(f, "stop {}", pid.0),
            Action::Signal { pid, how: Leave::Kill } => write!(f, "kill {}", pid.0),
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
            Report::WorkerExit(WorkerExit { pid, status, uptime, cause, .. }) => {
                write!(f, "{} {cause}, {status} after {uptime:?}", pid.0)
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
