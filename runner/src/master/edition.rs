//! What a fork needs of a server and a new configuration replaces.

use super::confine::confine;
use super::errors::Errors;
use crate::config::{ServerConfig, ServerSettings, without};
use crate::os::stdio::Stdio;
use crate::server::Limits;
use crate::spec::Bind;
use crate::supervisor::Generation;
use crate::worker::Confinement;
use std::fmt::Debug;
use std::ops::Range;

/// A server as one configuration has it, with its files open and its users looked up.
#[derive(Debug)]
pub(crate) struct Edition {
    pub(crate) config: ServerConfig,
    pub(crate) limits: Limits,
    pub(crate) confinement: Confinement,
    pub(crate) stdio: Stdio,
}

/// The editions of a server: the one that holds, and during a reload that changes the configuration
/// those that it replaces.
#[derive(Debug)]
pub(crate) struct Editions<E = Edition> {
    /// Each with the first generation that it is for, oldest first. There is always one, and the
    /// oldest is for every generation.
    all: Vec<(Generation, E)>,
}

impl Edition {
    /// Looks up what the configuration names. `errors` tell what cannot be had.
    pub(super) fn new(config: ServerConfig, stdio: Stdio, errors: &mut Errors) -> Self {
        let confinement = confine(&format!("server.{}", config.key), &config.settings, errors);
        let limits = limits(&config.settings);
        Self { config, limits, confinement, stdio }
    }
}

impl<E: Debug> Editions<E> {
    /// The first one, for every generation.
    pub(super) fn new(first: E) -> Self {
        Self { all: vec![(0, first)] }
    }

    /// Has this one for `generation` and all later ones.
    pub(super) fn begin(&mut self, generation: Generation, edition: E) {
        debug_assert!(
            self.all.iter().all(|(since, _)| *since < generation),
            "{generation} in {self:?}"
        );
        self.all.push((generation, edition));
    }

    /// Drops all but the one for `generation`, which every worker is of from now on.
    pub(super) fn settle(&mut self, generation: Generation) {
        let settled = self.all.swap_remove(self.position(generation)).1;
        self.all = vec![(0, settled)];
    }

    /// The one for workers of `generation`: the newest that is not younger.
    pub(crate) fn of(&self, generation: Generation) -> &E {
        &self.all[self.position(generation)].1
    }

    /// The same, for a process that has no use for the others.
    pub(super) fn into_edition_of(mut self, generation: Generation) -> E {
        self.all.swap_remove(self.position(generation)).1
    }

    /// The newest one.
    pub(super) fn current_mut(&mut self) -> &mut E {
        let last = self.all.len() - 1;
        &mut self.all[last].1
    }

    /// Whether there is no more than one.
    pub(super) fn is_settled(&self) -> bool {
        self.all.len() == 1
    }

    /// The newest one.
    pub(crate) fn current(&self) -> &E {
        self.of(Generation::MAX)
    }

    /// All of them, newest first, each with the generations that it is for.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (Range<Generation>, &mut E)> {
        let mut until = Generation::MAX;
        self.all.iter_mut().rev().map(move |(since, edition)| {
            let generations = *since..until;
            until = *since;
            (generations, edition)
        })
    }

    fn position(&self, generation: Generation) -> usize {
        self.all.iter().rposition(|(since, _)| *since <= generation).unwrap_or(0)
    }
}

impl Editions {
    /// The addresses that any of them has.
    pub(super) fn addresses(&self) -> Vec<Bind> {
        let mut all = Vec::new();
        for (_, edition) in &self.all {
            let more = without(&edition.config.settings.bind.value, &all);
            all.extend(more);
        }
        all
    }
}

fn limits(settings: &ServerSettings) -> Limits {
    Limits {
        max_connections: settings.max_connections.as_ref().map(|most| most.value),
        keep_alive: settings.keep_alive.value,
        header_timeout: settings.header_timeout.value,
        receive_buffer: usize::try_from(settings.receive_buffer.value).unwrap_or(usize::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The editions for the generations 1 to 6.
    fn by_generation(editions: &Editions<&'static str>) -> String {
        (1..=6).map(|generation| *editions.of(generation)).collect()
    }

    fn three() -> Editions<&'static str> {
        let mut editions = Editions::new("a");
        editions.begin(3, "b");
        editions.begin(5, "c");
        editions
    }

    #[test]
    fn a_worker_is_of_the_edition_of_its_generation() {
        assert_eq!(by_generation(&Editions::new("a")), "aaaaaa");
        assert_eq!(by_generation(&three()), "aabbcc");
        assert_eq!(*three().current(), "c");
        for (generation, expected) in [(1, "a"), (2, "a"), (3, "b"), (4, "b"), (9, "c")] {
            assert_eq!(three().into_edition_of(generation), expected);
        }
        let mut editions = three();
        let all: Vec<_> = editions.iter_mut().map(|(range, edition)| (range, *edition)).collect();
        assert_eq!(all, [(5..Generation::MAX, "c"), (3..5, "b"), (0..3, "a")]);
    }

    #[test]
    fn the_one_that_is_settled_is_for_all() {
        for (generation, expected) in [(1, "a"), (2, "a"), (3, "b"), (5, "c"), (8, "c")] {
            let mut editions = three();
            editions.settle(generation);
            assert_eq!(by_generation(&editions), expected.repeat(6));
            assert!(editions.is_settled() && !three().is_settled());
            editions.begin(4, "d");
            assert_eq!(by_generation(&editions), format!("{}ddd", expected.repeat(3)));
        }
    }
}
