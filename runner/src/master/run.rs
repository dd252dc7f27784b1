//! The loop.

use super::control::Control;
use super::flood::Flood;
use super::live::{Live, Word};
use super::notify::Notify;
use super::prepare::Server;
use super::reconfigure::Extent;
use super::record::Record;
use super::start::Program;
use super::upgrade::Upgrade;
use super::wait::{Happened, wait};
use crate::config::MasterConfig;
use crate::hooks::Master;
use crate::os::daemon::Launcher;
use crate::os::descriptors;
use crate::os::image::Image;
use crate::os::oom::OomWatch;
use crate::os::pidfile::PidFile;
use crate::os::process::{Child, Signal};
use crate::os::signal::Signals;
use crate::os::title::Title;
use crate::spec::{ExitStatus, Term};
use crate::supervisor::{
    Action, Command, Event, Generation, Leave, Pid, Recycle, Scale, SlotId, Stop, Supervisor, Time,
};
use crate::worker::LAME_DUCK;
use nix::poll::PollFlags;
use nix::sys::signal::Signal as Number;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

/// The state of the master process; the supervisor knows nothing of it.
pub(super) struct MasterProcess {
    pub(super) supervisor: Supervisor,
    pub(super) servers: Vec<Server>,
    pub(super) live: Live,
    pub(super) program: Program,
    pub(super) info: Master,
    pub(super) title: Option<Title>,
    /// The program that runs here.
    pub(super) image: Image,
    /// None in a child only, which closes them.
    pub(super) signals: Option<Signals>,
    pub(super) pid_file: Option<PidFile>,
    pub(super) control: Option<Control>,
    pub(super) record: Record,
    /// What workers that have just ended were asked last, by pid.
    pub(super) last_requests: BTreeMap<i32, String>,
    /// The process that waits for the daemon to be READY.
    pub(super) launcher: Option<Launcher>,
    pub(super) notify: Notify,
    /// A change of the program that is under way.
    pub(super) upgrade: Option<Upgrade>,
    /// Workers of a program that could not take over, whose server this one does not have. They were
    /// ended, and are to be waited for.
    pub(super) strangers: Vec<Child>,
    /// Why the program ends with failure, whatever the supervisor says.
    pub(super) failed: Option<String>,
    pub(super) config: MasterConfig,
    pub(super) flood: Flood,
    /// How many log files were reopened, while workers have not all changed over to them.
    pub(super) reopening: Option<usize>,
    pub(super) oom: OomWatch,
    pub(super) began: Instant,
}

impl MasterProcess {
    /// Supervises until the program has stopped; what it returns is its exit code.
    pub(super) fn run(&mut self) -> u8 {
        loop {
            self.steer();
            self.announce();
            while let Some(action) = self.supervisor.poll_action() {
                if let Some(code) = self.carry_out(action) {
                    return self.finish(code);
                }
            }
            self.report_left_out();
            self.give_up_listeners();
            self.settle_upgrade();
            self.settle_control();
            self.keep_informed();
            match self.wait() {
                Some(Ok(happened)) => self.look(&happened),
                // Without poll(2) there is no supervision; the workers notice that we are gone.
                Some(Err(error)) => {
                    tracing::error!(%error, "cannot wait for events");
                    return self.finish(1);
                }
                None => return 1,
            }
            self.supervisor.handle_timeout(self.now());
        }
    }

    /// Waits for the next thing to happen, or to be done.
    fn wait(&self) -> Option<io::Result<Happened>> {
        let (control, upgrade) = (self.control.as_ref(), self.upgrade.as_ref());
        let deadlines = [
            self.supervisor.poll_timeout(),
            self.flood.due(),
            self.notify.due(),
            control.and_then(Control::deadline),
            upgrade.and_then(Upgrade::deadline),
            self.loans_due(),
        ];
        let next = deadlines.into_iter().flatten().min();
        let timeout = next.map(|at| at.saturating_sub(self.now()));
        let control = control.into_iter().flat_map(Control::descriptors);
        let strangers = self.strangers.iter().map(|it| (it.as_fd(), PollFlags::POLLIN));
        let others = control.chain(upgrade.into_iter().flat_map(Upgrade::descriptors));
        let others = others.chain(strangers);
        let orphans = self.orphans();
        Some(wait(self.signals.as_ref()?, &self.live, others, &orphans, timeout))
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.supervisor.handle(self.now(), event);
    }

    /// The time as the supervisor counts it.
    pub(super) fn now(&self) -> Time {
        self.began.elapsed()
    }

    /// Tells the supervisor what has happened.
    fn look(&mut self, happened: &Happened) {
        if happened.signals {
            while let Some(Ok(Some(signal))) = self.signals.as_ref().map(Signals::next) {
                self.obey_signal(signal);
            }
        }
        for pid in &happened.workers {
            self.look_at(*pid);
        }
        self.strangers.retain(|stranger| matches!(stranger.try_wait(), Ok(None)));
        self.check_reopened();
        self.rescue(&happened.orphans);
        if happened.others {
            self.serve_control();
        }
    }

    fn obey_signal(&mut self, signal: Number) {
        let changes = [Number::SIGHUP, Number::SIGUSR1, Number::SIGUSR2].contains(&signal);
        if let Err(reason) = self.refuse_during_upgrade()
            && changes
        {
            tracing::warn!(signal = signal.as_str(), "signal ignored: {reason}");
            return;
        }
        match signal {
            Number::SIGCHLD => self.reap(),
            Number::SIGHUP => {
                tracing::info!(signal = signal.as_str(), "signal received");
                self.notify.reloading(self.now());
                self.hung_up();
            }
            Number::SIGUSR1 | Number::SIGUSR2 => {
                tracing::info!(signal = signal.as_str(), "signal received");
                let at_once = signal == Number::SIGUSR1;
                // Errors are logged there.
                let _ = self.reconfigure(if at_once { Extent::AllAtOnce } else { Extent::All });
            }
            _ => {
                if let Some(command) = self.command(signal) {
                    tracing::info!(signal = signal.as_str(), ?command, "signal received");
                    if matches!(command, Command::Stop(_)) {
                        self.end_trial();
                    }
                    self.tell(Event::Command(command));
                }
            }
        }
    }

    pub(super) fn look_at(&mut self, pid: i32) {
        let Some(worker) = self.live.get_mut(&pid) else {
            return;
        };
        // Whether it has ended is asked first, so that its last words are heard before its end.
        let ended = worker.child.try_wait();
        let words = worker.listen();
        for word in words {
            match word {
                Word::Ready => {
                    self.live.entry(pid).and_modify(|worker| worker.serves = true);
                    self.tell(Event::Ready { pid: Pid(pid) });
                }
                // It is looked at before every wait.
                Word::Filled => {}
                Word::Rescued(connections) => self.rescued(pid, connections),
                Word::Failed { reason, retry } => {
                    self.tell(Event::Failed { pid: Pid(pid), reason, retry });
                }
                Word::Due => self.tell(Event::Due { pid: Pid(pid), why: Recycle::Requests }),
                Word::Reopened(result) => self.worker_reopened(pid, result),
            }
        }
        let ending = match ended {
            Ok(None) => return,
            Ok(Some(exit)) => self.ending(exit),
            Err(error) => {
                tracing::error!(pid, %error, "cannot wait for a worker, taking it as gone");
                ExitStatus::Code(-1).into()
            }
        };
        let last_request = self.live.remove(&pid).and_then(|worker| worker.row.last_request());
        self.last_requests.extend(last_request.map(|request| (pid, request)));
        self.tell(Event::Exited { pid: Pid(pid), ending });
    }

    /// What a signal to the master means.
    fn command(&self, signal: Number) -> Option<Command> {
        match signal {
            Number::SIGTERM if self.config.term.value == Term::Graceful => {
                Some(Command::Stop(Stop::Graceful))
            }
            Number::SIGINT | Number::SIGTERM => Some(Command::Stop(Stop::Now)),
            Number::SIGQUIT => Some(Command::Stop(Stop::Graceful)),
            Number::SIGTTIN => Some(Command::Scale { server: None, to: Scale::By(1) }),
            Number::SIGTTOU => Some(Command::Scale { server: None, to: Scale::By(-1) }),
            other => {
                tracing::info!(signal = other.as_str(), "signal ignored");
                None
            }
        }
    }

    /// Does what the supervisor wants; some is the code that the program ends with.
    fn carry_out(&mut self, action: Action) -> Option<u8> {
        match action {
            Action::Fork { slot, generation } => {
                let event = match self.make_worker(slot, generation) {
                    Ok(pid) => Event::Forked { slot, generation, pid: Pid(pid) },
                    Err(reason) => Event::ForkFailed { slot, generation, reason },
                };
                self.tell(event);
            }
            Action::Signal { pid, how } => self.signal(pid, how),
            Action::ReadHeartbeat { pid } => {
                let at = self.last_heartbeat(pid);
                self.tell(Event::Heartbeat { pid, at });
            }
            Action::ReadMemory { pid } => {
                if let Some(private) = self.private_memory(pid) {
                    self.tell(Event::Memory { pid, private });
                }
            }
            Action::ReadLoad { server } => {
                let load = self.load(server);
                self.tell(Event::Load { server, load });
            }
            Action::Report(report) => self.report(report),
            Action::Finish { code } => return Some(code),
        }
        None
    }

    /// Forks a worker, in a slot that gets its sockets if it is new.
    fn make_worker(&mut self, slot: SlotId, generation: Generation) -> Result<i32, String> {
        let listeners = &mut self.servers[slot.server].listeners;
        listeners
            .grow(slot.slot + 1)
            .map_err(|error| format!("cannot listen for another worker: {error}"))?;
        self.spawn(slot, generation).map_err(|error| error.to_string())
    }

    fn signal(&mut self, pid: Pid, how: Leave) {
        let Some(worker) = self.live.get_mut(&pid.0) else {
            return;
        };
        // A lame duck serves on.
        worker.serves &= how == Leave::LameDuck;
        let told = match how {
            Leave::LameDuck => descriptors::send(&worker.channel, LAME_DUCK, &[]),
            Leave::Drain => worker.child.signal(Signal::QUIT),
            Leave::Stop => worker.child.signal(Signal::TERM),
            Leave::Abort => worker.child.signal(Signal::ABORT),
            Leave::Kill => worker.child.signal(Signal::KILL),
        };
        if let Err(error) = told {
            tracing::error!(pid = pid.0, ?how, %error, "cannot signal a worker");
        }
    }

    /// The last thing, when every worker is gone: only now a failed start is told, so that the next
    /// one is not refused because of it.
    fn finish(&mut self, code: u8) -> u8 {
        if let Some(control) = self.control.take() {
            control.close("the program has stopped");
        }
        self.report_all_left_out();
        for server in &self.servers {
            server.listeners.remove_files();
        }
        if let Some(pid_file) = self.pid_file.take() {
            pid_file.remove();
        }
        let Some(reason) = self.failed.take() else {
            self.notify.ended(if code == 0 { "stopped" } else { "failed" });
            return code;
        };
        let reason = format!("cannot start: {reason}");
        self.notify.ended(&reason);
        if let Some(launcher) = self.launcher.take() {
            launcher.failed(&reason);
        }
        code.max(1)
    }
}
