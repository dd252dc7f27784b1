//! What is different between two configurations, and how each difference takes effect in a program
//! that runs.

use super::options::MasterConfig;
use super::show::Line;
use super::{Origin, ServerConfig};
use std::fmt;
use std::mem::replace;

/// The options of a server that only its master goes by, and those of sockets that are open.
const OF_A_RUNNING_SERVER: &[&str] = &[
    "workers",
    "start_timeout",
    "lame_duck",
    "max_restarts",
    "restart_window",
    "max_surge",
    "max_unavailable",
    "backlog",
    "mode",
    "owner",
    "group_owner",
];

/// The options of a server that its sockets are made with.
const OF_NEW_SOCKETS: &[&str] = &["accept", "v6only"];

/// The options of the master that it can change over to while it runs.
const OF_A_RUNNING_MASTER: &[&str] = &["stdout", "stderr", "term"];

/// How a change takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// At once.
    AtOnce,
    /// By new workers in the place of the old ones.
    Reload,
    /// When the program is started again.
    Start,
}

/// An option that has another value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) option: &'static str,
    pub(crate) effect: Effect,
    /// The values as they are written in the configuration file; none is an option that is not set.
    before: Option<String>,
    after: Option<String>,
    /// Of the value after the change.
    origin: Option<Origin>,
}

/// What is different between a server and what it is to become.
pub(crate) fn of_server(before: &ServerConfig, after: &ServerConfig) -> Vec<Change> {
    compare(&before.settings.lines(), &after.settings.lines(), effect_on_server)
}

/// What is different between the master and what it is to become.
pub(crate) fn of_master(before: &MasterConfig, after: &MasterConfig) -> Vec<Change> {
    let mut changes = compare(&before.lines(), &after.lines(), effect_on_master);
    for change in &mut changes {
        // What the stream was before the program redirected it is gone.
        if change.after.is_none() {
            change.effect = Effect::Start;
        }
    }
    changes
}

impl ServerConfig {
    /// Becomes `after`, but for changes that take effect at the start only.
    pub(crate) fn change_to(&mut self, after: Self, changes: &[Change]) {
        let before = replace(self, after);
        self.settings.take(before.settings, |option| has(changes, option, Effect::Start));
    }
}

impl MasterConfig {
    /// Takes those changes over that take effect at once.
    pub(crate) fn change_to(&mut self, after: Self, changes: &[Change]) {
        self.take(after, |option| has(changes, option, Effect::AtOnce));
    }
}

fn has(changes: &[Change], option: &str, effect: Effect) -> bool {
    changes.iter().any(|change| change.option == option && change.effect == effect)
}

/// Those of the one that the other has not, each as often as it has it more often.
pub(crate) fn without<T: Clone + PartialEq>(one: &[T], other: &[T]) -> Vec<T> {
    let mut rest = one.to_vec();
    for known in other {
        if let Some(index) = rest.iter().position(|item| item == known) {
            rest.remove(index);
        }
    }
    rest
}

/// What has another value in the lines of two sections with the same options.
fn compare(before: &[Line<'_>], after: &[Line<'_>], effect: fn(&str) -> Effect) -> Vec<Change> {
    let pairs = before.iter().zip(after);
    let change = |(before, after): (&Line<'_>, &Line<'_>)| {
        let value = |line: &Line<'_>| line.value.as_ref().map(|(value, _)| value.clone());
        let option = after.row.name;
        let change = Change {
            option,
            effect: effect(option),
            before: value(before),
            after: value(after),
            origin: after.value.as_ref().map(|(_, origin)| (*origin).clone()),
        };
        (change.before != change.after).then_some(change)
    };
    pairs.filter_map(change).collect()
}

fn effect_on_server(option: &str) -> Effect {
    if OF_A_RUNNING_SERVER.contains(&option) {
        Effect::AtOnce
    } else if OF_NEW_SOCKETS.contains(&option) {
        Effect::Start
    } else {
        Effect::Reload
    }
}

fn effect_on_master(option: &str) -> Effect {
    if OF_A_RUNNING_MASTER.contains(&option) { Effect::AtOnce } else { Effect::Start }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNSET: &str = "not set";
        let before = self.before.as_deref().unwrap_or(UNSET);
        let after = self.after.as_deref().unwrap_or(UNSET);
        write!(f, "{} {before} → {after}", self.option)?;
        if self.effect != Effect::Start {
            return Ok(());
        }
        f.write_str(" takes effect when the program is started again")?;
        self.origin.as_ref().map_or(Ok(()), |origin| write!(f, " ({})", origin.clause()))
    }
}
