//! What somebody who has asked for a change waits for.

use crate::supervisor::{Generation, ServerStatus, SlotId, State, WorkerStatus};

/// What somebody waits for, and what they will be told then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) goal: Goal,
    /// What was different in the configuration.
    pub(super) changes: Vec<String>,
}

/// A change that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// The reload to this generation is over.
    Reload { generation: Generation },
    /// In each slot serves a worker of this generation or a later one.
    Restart { generation: Generation },
    /// Every worker writes to the log files that were opened last.
    Reopen,
    /// The program is another one. It is over when that says so, or this one.
    Upgrade,
    /// The server has so many workers.
    Scale(Resize),
    /// The reload to this generation is over, if there is one, these servers have their new sizes,
    /// and every worker writes to the log files that were opened last.
    Reconfigure { reload: Option<Generation>, resizes: Vec<Resize> },
}

/// So many workers serve in a server that had another number of them, and no other is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resize {
    pub(super) server: usize,
    pub(super) from: u32,
    pub(super) to: u32,
}

impl From<Goal> for Wish {
    fn from(goal: Goal) -> Self {
        Self { goal, changes: Vec::new() }
    }
}

impl Goal {
    /// Whether the goal is missed when a worker of this slot and generation fails.
    pub(super) fn needs(&self, slot: SlotId, generation: Generation) -> bool {
        match self {
            // A reload is over when the supervisor says so.
            Self::Reload { .. } | Self::Reopen | Self::Upgrade => false,
            Self::Restart { generation: wanted } => *wanted <= generation,
            Self::Scale(resize) => resize.needs(slot),
            Self::Reconfigure { reload, resizes } => {
                reload.is_none() && resizes.iter().any(|resize| resize.needs(slot))
            }
        }
    }

    /// The reload whose failure is a failure here.
    pub(super) fn reload(&self) -> Option<Generation> {
        match self {
            Self::Reload { generation } => Some(*generation),
            Self::Reconfigure { reload, .. } => *reload,
            Self::Restart { .. } | Self::Reopen | Self::Upgrade | Self::Scale(_) => None,
        }
    }

    /// Whether it is reached, as far as that can be seen from how the servers stand; or why it
    /// cannot be any more.
    pub(super) fn judge(&self, servers: &[ServerStatus]) -> Option<Result<(), String>> {
        match self {
            Self::Reload { .. } | Self::Reopen | Self::Upgrade => None,
            Self::Restart { generation } => {
                let renewed = |server: &ServerStatus| {
                    let is_new = |worker: &&WorkerStatus| *generation <= worker.generation;
                    (0..server.target).all(|slot| ready(server, slot).any(|it| is_new(&it)))
                };
                servers.iter().all(renewed).then_some(Ok(()))
            }
            Self::Scale(resize) => resize.judge(servers),
            Self::Reconfigure { resizes, .. } => {
                let judged: Option<Vec<_>> = resizes.iter().map(|it| it.judge(servers)).collect();
                judged.map(|results| results.into_iter().collect())
            }
        }
    }
}

impl Resize {
    fn needs(self, slot: SlotId) -> bool {
        self.server == slot.server && (self.from..self.to).contains(&slot.slot)
    }

    fn judge(self, servers: &[ServerStatus]) -> Option<Result<(), String>> {
        let server = servers.get(self.server)?;
        if server.target != self.to {
            let target = server.target;
            return Some(Err(format!("{target} workers were asked for meanwhile")));
        }
        let is_given_up = |it: &&WorkerStatus| matches!(it.state, State::Failed { .. });
        if let Some(worker) = server.workers.iter().find(is_given_up) {
            let slot = worker.slot.slot;
            return Some(Err(format!("slot {slot} is given up; `why` tells more")));
        }
        let filled = (0..self.to).all(|slot| ready(server, slot).next().is_some());
        let emptied = server.workers.iter().all(|worker| worker.slot.slot < self.to);
        (filled && emptied).then_some(Ok(()))
    }
}

/// The workers that serve in a slot.
fn ready(server: &ServerStatus, slot: u32) -> impl Iterator<Item = &WorkerStatus> {
    let workers = server.workers.iter();
    workers.filter(move |worker| worker.slot.slot == slot && worker.state == State::Ready)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::{Pid, Time};

    /// A server from a picture: for each worker its slot, generation and state, the first letter.
    fn server(target: u32, workers: &str) -> ServerStatus {
        let worker = |text: &str| {
            let (slot, rest) = text.split_once('/').unwrap();
            let (generation, state) = rest.split_at(rest.len() - 1);
            WorkerStatus {
                slot: SlotId { server: 0, slot: slot.parse().unwrap() },
                generation: generation.parse().unwrap(),
                pid: Some(Pid(100)),
                since: Time::ZERO,
                state: match state {
                    "s" => State::Starting,
                    "r" => State::Ready,
                    "d" => State::Draining,
                    "b" => State::BackOff { until: Time::ZERO },
                    _ => State::Failed { until: None },
                },
            }
        };
        let workers = workers.split_whitespace().map(worker).collect();
        ServerStatus { generation: 1, target, degraded: false, failures: 0, workers }
    }

    #[test]
    fn goals_are_judged_by_what_serves() {
        let restart = || Goal::Restart { generation: 2 };
        let scale = |from, to| Goal::Scale(Resize { server: 0, from, to });
        let reconfigure = |sizes: &[(u32, u32)]| {
            let resize = |&(from, to)| Resize { server: 0, from, to };
            Goal::Reconfigure { reload: Some(2), resizes: sizes.iter().map(resize).collect() }
        };
        let reached = Some(Ok::<_, &str>(()));
        for (goal, target, workers, expected) in [
            (restart(), 2, "0/1r 1/1r", None),
            (restart(), 2, "0/2r 1/2s", None),
            (restart(), 2, "0/2r", None),
            (restart(), 2, "0/2r 1/2b", None),
            (restart(), 2, "0/2r 1/2r", reached),
            (restart(), 2, "0/1d 0/2r 1/3r", reached),
            (restart(), 0, "", reached),
            (Goal::Reload { generation: 2 }, 1, "0/2r", None),
            (reconfigure(&[]), 2, "0/1s", reached),
            (reconfigure(&[(1, 2)]), 2, "0/1r 1/1s", None),
            (reconfigure(&[(1, 2)]), 2, "0/1r 1/1r", reached),
            (reconfigure(&[(1, 2), (1, 3)]), 2, "0/1r 1/1s", None),
            (scale(1, 2), 2, "0/1r 1/1s", None),
            (scale(1, 2), 2, "0/1r 1/1r", reached),
            (scale(2, 1), 1, "0/1r 1/1d", None),
            (scale(2, 1), 1, "0/1d 0/1r", reached),
            (scale(1, 2), 2, "0/1r 1/1b", None),
            (scale(1, 2), 2, "0/1r 1/1f", Some(Err("slot 1 is given up; `why` tells more"))),
            (scale(1, 2), 3, "0/1r 1/1r", Some(Err("3 workers were asked for meanwhile"))),
        ] {
            let expected = expected.map(|result| result.map_err(str::to_owned));
            assert_eq!(goal.judge(&[server(target, workers)]), expected, "{goal:?} {workers}");
        }
    }

    #[test]
    fn goals_need_the_workers_that_are_new() {
        let restart = || Goal::Restart { generation: 2 };
        let scale = |server, from, to| Goal::Scale(Resize { server, from, to });
        let reconfigure = |from, to| Goal::Reconfigure {
            reload: None,
            resizes: vec![Resize { server: 0, from, to }],
        };
        for (goal, slot, generation, expected) in [
            (restart(), 0, 1, false),
            (restart(), 0, 2, true),
            (restart(), 1, 3, true),
            (scale(0, 1, 2), 0, 1, false),
            (scale(0, 1, 2), 1, 1, true),
            (scale(0, 1, 2), 2, 1, false),
            (scale(1, 1, 2), 1, 1, false),
            (scale(0, 2, 1), 1, 1, false),
            (Goal::Reload { generation: 2 }, 0, 2, false),
            (reconfigure(1, 2), 0, 1, false),
            (reconfigure(1, 2), 1, 1, true),
        ] {
            let needs = goal.needs(SlotId { server: 0, slot }, generation);
            assert_eq!(needs, expected, "{goal:?} slot {slot} generation {generation}");
        }
    }
}
