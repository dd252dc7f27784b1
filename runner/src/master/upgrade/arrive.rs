//! From what the program before has left to a running master.

use super::leave::ERRAND;
use super::legacy::{self, Course, Legacy};
use super::plan::{Newcomer, Plan, PlannedServer};
use super::{Proving, Upgrade, Verdict};
use crate::config::ServerConfig;
use crate::listener::{Exported, Listeners};
use crate::master::control::{ClientId, Control};
use crate::master::edition::Editions;
use crate::master::errors::Errors;
use crate::master::live::LiveWorker;
use crate::master::notify::Notify;
use crate::master::prepare::{Prepared, Server, bind_errors};
use crate::master::report::call_hook;
use crate::master::run::MasterProcess;
use crate::master::start::{Claims, Program, equip};
use crate::os::hand_over::{self, HandedOver};
use crate::os::image::Image;
use crate::os::local::LocalListener;
use crate::os::orphans;
use crate::os::pidfile::PidFile;
use crate::os::process::{Child, Signal};
use crate::os::signal::Signals;
use crate::scoreboard::Row;
use crate::spec::{ExitStatus, Spawn};
use crate::supervisor::{Command, Event, Generation, Pid, SlotId};
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

/// What the program before has left.
#[derive(Debug)]
pub(crate) struct Arrival {
    legacy: Legacy,
    handed_over: HandedOver,
}

impl Arrival {
    pub(crate) fn of(handed_over: HandedOver) -> Result<Self, String> {
        Ok(Self { legacy: Legacy::read(handed_over.text())?, handed_over })
    }

    pub(crate) fn legacy(&self) -> &Legacy {
        &self.legacy
    }

    /// Executes the program before again, which goes on as if nothing had been; nothing may have
    /// been taken in hand yet. Returns, with the reason, only if that fails or there is none.
    pub(crate) fn give_back(self, reason: String) -> String {
        let Self { mut legacy, mut handed_over } = self;
        let Course::Forward { previous } = &legacy.course else {
            return reason;
        };
        tracing::error!("going back to the program before: {reason}");
        let previous = previous.clone();
        let back = || {
            let previous = previous.take(&mut handed_over, &legacy.path)?;
            let failed = legacy.ledger.newest.saturating_add(1);
            legacy.course = Course::Back { reason: reason.clone(), failed };
            let (_file, number) = hand_over::write(&legacy.text()?)?;
            Err(previous.execute(ERRAND, number))
        };
        let error: io::Error = back().unwrap_or_else(|error| error);
        format!("{reason}; and the program before cannot be executed: {error}")
    }

    /// Goes on where the program before has stopped; what it returns is the exit code.
    pub(crate) fn take_over(self, newcomer: Newcomer, program: Program) -> Result<u8, String> {
        let goes_back = self.legacy.configuration().is_some();
        let plan = match Plan::of(&self.legacy, newcomer) {
            Ok((plan, errors)) if errors.is_empty() => plan,
            Ok((plan, errors)) if goes_back => {
                // It has run like that before, and there is no other program to go back to.
                errors.iter().for_each(|error| tracing::error!("{error}"));
                plan
            }
            Ok((_, errors)) => return Err(self.give_back(errors.join("\n"))),
            Err(reason) => return Err(self.give_back(reason)),
        };
        Ok(settle_in(self, plan, program)?.run())
    }
}

/// Takes everything in hand.
fn settle_in(arrival: Arrival, plan: Plan, program: Program) -> Result<MasterProcess, String> {
    let Arrival { legacy, mut handed_over } = arrival;
    let Plan { config, stdio, servers, supervisor, began } = plan;
    let cannot = |error: io::Error| format!("cannot take over: {error}");
    let places: Vec<_> = servers.iter().map(|server| server.position).collect();
    let mut former: Vec<_> = legacy.servers.into_iter().map(Some).collect();
    let servers = servers.into_iter().map(|server| {
        let former = server.position.and_then(|position| former.get_mut(position)?.take());
        server.with_sockets(former, &mut handed_over)
    });
    let servers = servers.collect::<io::Result<_>>().map_err(cannot)?;
    for socket in former.into_iter().flatten().flat_map(|server| server.listeners) {
        give_up(socket, &mut handed_over);
    }
    let mut take = |number| handed_over.take(number);
    let pid_file = legacy.pid_file.map(|it| Ok(PidFile::adopt(it.path, take(it.file)?)));
    let control = legacy.control.map(|it| adopt_control(it, &mut take));
    let pid_file = pid_file.transpose().map_err(cannot)?;
    let notify = Notify::after_upgrade();
    let claims = Claims { pid_file, control: None, launcher: None, notify };
    let signals = Signals::block(orphans::are_inherited()).map_err(cannot)?;
    let mut prepared = Prepared { config, servers, stdio, pid_file: None, control: None };
    let outfit = equip(&mut prepared, signals, &program.directory).map_err(cannot)?;
    let (control, client) = control.transpose().map_err(cannot)?.unzip();
    let mut process = MasterProcess {
        supervisor,
        began,
        control,
        record: legacy.record,
        ..MasterProcess::new(prepared, program, outfit, claims)
    };
    process.image = process.image.found_at(legacy.path);
    let client = client.flatten();
    for worker in legacy.workers {
        process.adopt_worker(worker, &places, &mut handed_over);
    }
    match legacy.course {
        Course::Forward { previous } => {
            let previous = previous.take(&mut handed_over, process.image.path()).map_err(cannot)?;
            process.prove(previous, legacy.configuration, client);
        }
        Course::Back { reason, failed } => process.resume(&reason, failed, client),
    }
    Ok(process)
}

/// Closes a socket of a server that only the other program has.
fn give_up(socket: Exported<RawFd>, handed_over: &mut HandedOver) {
    drop(handed_over.take(socket.socket));
    if let Some(file) = socket.file {
        file.remove();
    }
}

fn adopt_control(
    control: legacy::Control,
    mut take: impl FnMut(RawFd) -> io::Result<OwnedFd>,
) -> io::Result<(Control, Option<ClientId>)> {
    let legacy::Control { file, socket, client } = control;
    let listener = LocalListener::adopt(file, take(socket)?);
    let client = client.map(&mut take).transpose()?.map(UnixStream::from);
    Ok(Control::adopt(listener, client))
}

impl PlannedServer {
    /// The server with the sockets that it had, or with new ones.
    fn with_sockets(
        self,
        former: Option<legacy::Server>,
        handed_over: &mut HandedOver,
    ) -> io::Result<Server> {
        let Self { serve, edition, options, listeners, .. } = self;
        let adopt = || {
            let legacy::Server { slots, listeners, .. } =
                former.ok_or(io::ErrorKind::InvalidData)?;
            let sockets = listeners.into_iter().map(|it| it.try_map(|it| handed_over.take(it)));
            Listeners::adopt(options, slots, sockets.collect::<io::Result<_>>()?)
        };
        let listeners = listeners.map_or_else(adopt, Ok)?;
        let ServerConfig { key, kind, name, .. } = edition.config.clone();
        Ok(Server { key, name, kind, serve, listeners, editions: Editions::new(edition) })
    }
}

impl MasterProcess {
    /// Takes a worker of the program before, or ends it if its server is not there any more.
    fn adopt_worker(
        &mut self,
        worker: legacy::Worker,
        places: &[Option<usize>],
        handed_over: &mut HandedOver,
    ) {
        let legacy::Worker { pid, server, slot, serves, generation, channel, row, heard } = worker;
        let place = places.iter().position(|position| *position == Some(server));
        let adopt = || {
            let child = Child::of_previous_image(pid)?;
            let channel = handed_over.take(channel)?.into();
            let row = Row::adopt(handed_over.take(row)?)?;
            let Some(server) = place else {
                return Ok(Err(child));
            };
            let place = SlotId { server, slot };
            let worker = LiveWorker::new(child, place, generation, channel, row);
            Ok(Ok(worker.known_as(serves, heard)))
        };
        match adopt() {
            Ok(Ok(worker)) => drop(self.live.insert(pid, worker)),
            Ok(Err(stranger)) => self.end_stranger(stranger),
            Err(error) => self.miss(pid, &error),
        }
    }

    /// Has no use for a worker of a server that only the new program had.
    fn end_stranger(&mut self, stranger: Child) {
        if let Err(error) = stranger.signal(Signal::KILL) {
            tracing::error!(pid = stranger.pid(), %error, "cannot end a worker of the new program");
        }
        self.strangers.push(stranger);
    }

    /// A worker cannot be taken over, and so counts as gone.
    fn miss(&mut self, pid: i32, error: &io::Error) {
        tracing::error!(pid, %error, "cannot take a worker over, taking it as gone");
        let ending = ExitStatus::Code(-1).into();
        self.tell(Event::Exited { pid: Pid(pid), ending });
    }

    /// This is the new program: everything is there, and workers are to come.
    fn prove(&mut self, previous: Image, configuration: String, client: Option<ClientId>) {
        let begun = self.bind_new_addresses().and_then(|()| self.preload());
        if begun.is_ok() {
            self.tell(Event::Command(Command::Reload));
        }
        self.upgrade = Some(Upgrade::Proving(Proving {
            previous,
            configuration,
            client,
            generation: self.supervisor.generation(),
            verdict: begun.err().map(Verdict::Fails),
        }));
    }

    /// This is the program before, and goes on as it was.
    fn resume(&mut self, reason: &str, failed: Generation, client: Option<ClientId>) {
        let now = self.now();
        self.supervisor.roll_back(now, failed);
        self.notify.failed(format!("the last upgrade failed: {reason}"));
        self.fail_upgrade(client, reason);
    }

    fn preload(&self) -> Result<(), String> {
        if self.config.spawn.value == Spawn::Exec {
            return Ok(());
        }
        let preloaded =
            call_hook("preload", self.signals.as_ref(), || self.program.hooks.preload());
        preloaded.map_err(|error| format!("`preload` failed: {error}"))
    }

    fn bind_new_addresses(&mut self) -> Result<(), String> {
        let mut errors = Errors::default();
        for Server { key, listeners, editions, .. } in &mut self.servers {
            let bind = &editions.current().config.settings.bind;
            if let Err(failures) = listeners.add(&listeners.missing(&bind.value)) {
                bind_errors(key, failures, &bind.origin, &mut errors);
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(Vec::from(errors).join("\n")) }
    }
}
