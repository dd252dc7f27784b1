//! What the master executes its own program for: to have a worker with an address space of its own,
//! and to change over to another version.

use super::{App, Failure, log_to_stderr, sources};
use crate::cli::{self, Invocation};
use crate::config::Sources;
use crate::master::{self, Arrival, Examination, Legacy, Newcomer};
use crate::os::hand_over::HandedOver;
use crate::spec::Spawn;
use crate::worker;
use std::io;

impl App {
    /// Does what the master has executed the program for.
    pub(super) fn go_on(self, handed_over: io::Result<HandedOver>) -> u8 {
        let done = match handed_over {
            Ok(handed_over) => match handed_over.errand() {
                worker::ERRAND => self.work(handed_over),
                master::TRIAL => self.try_out(handed_over),
                master::ERRAND => self.take_over(handed_over),
                unknown => Err(Failure::run(format!("executed for `{unknown}`, which is unknown"))),
            },
            Err(error) => Err(Failure::run(format!("cannot read what was handed over: {error}"))),
        };
        done.unwrap_or_else(|Failure { code, message }| {
            eprintln!("{message}");
            code
        })
    }

    /// Is a worker.
    fn work(self, handed_over: HandedOver) -> Result<u8, Failure> {
        let serve = |index: usize| self.servers.get(index).map(|server| server.serve.clone());
        let seed = worker::receive(handed_over, serve)
            .map_err(|error| Failure::run(format!("cannot become a worker: {error}")))?;
        log_to_stderr(seed.kit.stdio.stderr.is_some())?;
        Ok(worker::run(seed, || self.hooks.preload()))
    }

    /// Is tried, for an upgrade: the program could take over if this succeeds.
    fn try_out(self, handed_over: HandedOver) -> Result<u8, Failure> {
        log_to_stderr(true)?;
        let refuse = |error: io::Error| Failure::run(error.to_string());
        let examination = Examination::of(handed_over).map_err(refuse)?;
        let legacy = Legacy::read(examination.text()).map_err(Failure::run)?;
        let sources = self.sources_after(&legacy)?;
        let newcomer = self.newcomer(&legacy, &sources)?;
        let forks = newcomer.config.master.spawn.value == Spawn::Fork;
        legacy.examine(newcomer).map_err(Failure::run)?;
        if forks {
            let preloaded = self.hooks.preload();
            preloaded.map_err(|error| Failure::run(format!("`preload` failed: {error}")))?;
        }
        examination.pass().map_err(refuse)?;
        Ok(0)
    }

    /// Is the master that another program has begun to be.
    fn take_over(self, handed_over: HandedOver) -> Result<u8, Failure> {
        log_to_stderr(true)?;
        let arrival = Arrival::of(handed_over).map_err(Failure::run)?;
        let legacy = arrival.legacy();
        let sources = self.sources_after(legacy);
        let newcomer = sources.and_then(|it| Ok((self.newcomer(legacy, &it)?, it)));
        let (newcomer, sources) = match newcomer {
            Ok(newcomer) => newcomer,
            Err(Failure { message, .. }) => {
                return Err(Failure::run(arrival.give_back(message)));
            }
        };
        arrival.take_over(newcomer, self.into_program(sources)).map_err(Failure::run)
    }

    /// Where the configuration comes from in a program that was executed by its master.
    fn sources_after(&self, legacy: &Legacy) -> Result<Sources, Failure> {
        let invocation = cli::parse(std::env::args_os());
        let Invocation { program, verb, config_file, overrides } =
            invocation.map_err(|error| Failure::usage(error.to_string()))?;
        let mut sources = sources(program, &verb, config_file, overrides)?;
        sources.context.directory = legacy.directory().to_owned();
        Ok(sources.again())
    }

    /// What this program is that takes over.
    fn newcomer(&self, legacy: &Legacy, sources: &Sources) -> Result<Newcomer, Failure> {
        let given = legacy.configuration().map(|text| sources.clone().of_text(text.to_owned()));
        let config = self.config(given.as_ref().unwrap_or(sources))?;
        let serve = self.servers.iter().map(|server| server.serve.clone()).collect();
        let former = legacy.former(&config, sources, self.place)?;
        Ok(Newcomer { config, serve, former })
    }
}
