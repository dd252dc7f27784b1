//! What somebody who has asked for a change waits for.

use crate::supervisor::{Generation, ServerStatus, SlotId, State, WorkerStatus};

/// A change that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// The reload to this generation is over.
    Reload { generation: Generation },
    /// In each slot serves a worker of this generation or a later one.
    Restart { generation: Generation },
    /// Every worker writes to the log files that were opened last.
    Reopen,
    /// So many workers serve in a server that had another number of them, and no other is left.
    Scale { server: usize, from: u32, to: u32 },
}

impl Goal {
    /// Whether the goal is missed when a worker of this slot and generation fails.
    pub(super) fn needs(self, slot: SlotId, generation: Generation) -> bool {
        match self {
            // It is over when the supervisor says so.
            Self::Reload { .. } | Self::Reopen => false,
            Self::Restart { generation: wanted } => wanted <= generation,
            Self::Scale { server, from, to } => {
                server == slot.server && (from..to).contains(&slot.slot)
            }
        }
    }

    /// Whether it is reached, as far as that can be seen from how the servers stand; or why it
    /// cannot be any more.
    pub(super) fn judge(self, servers: &[ServerStatus]) -> Option<Result<(), String>> {
        match self {
            Self::Reload { .. } | Self::Reopen => None,
            Self::Restart { generation } => {
                let renewed = |server: &ServerStatus| {
                    let is_new = |worker: &&WorkerStatus| generation <= worker.generation;
                    (0..server.target).all(|slot| ready(server, slot).any(|it| is_new(&it)))
                };
                servers.iter().all(renewed).then_some(Ok(()))
            }
            Self::Scale { server, to, .. } => {
                let server = servers.get(server)?;
                if server.target != to {
                    let target = server.target;
                    return Some(Err(format!("{target} workers were asked for meanwhile")));
                }
                let is_given_up = |it: &&WorkerStatus| matches!(it.state, State::Failed { .. });
                if let Some(worker) = server.workers.iter().find(is_given_up) {
                    let slot = worker.slot.slot;
                    return Some(Err(format!("slot {slot} is given up; `why` tells more")));
                }
                let filled = (0..to).all(|slot| ready(server, slot).next().is_some());
                let emptied = server.workers.iter().all(|worker| worker.slot.slot < to);
                (filled && emptied).then_some(Ok(()))
            }
        }
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
        let restart = Goal::Restart { generation: 2 };
        let scale = |from, to| Goal::Scale { server: 0, from, to };
        let reached = Some(Ok(()));
        for (goal, target, workers, expected) in [
            (restart, 2, "0/1r 1/1r", None),
            (restart, 2, "0/2r 1/2s", None),
            (restart, 2, "0/2r", None),
            (restart, 2, "0/2r 1/2b", None),
            (restart, 2, "0/2r 1/2r", reached),
            (restart, 2, "0/1d 0/2r 1/3r", reached),
            (restart, 0, "", reached),
            (Goal::Reload { generation: 2 }, 1, "0/2r", None),
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
        let restart = Goal::Restart { generation: 2 };
        let scale = |server, from, to| Goal::Scale { server, from, to };
        for (goal, slot, generation, expected) in [
            (restart, 0, 1, false),
            (restart, 0, 2, true),
            (restart, 1, 3, true),
            (scale(0, 1, 2), 0, 1, false),
            (scale(0, 1, 2), 1, 1, true),
            (scale(0, 1, 2), 2, 1, false),
            (scale(1, 1, 2), 1, 1, false),
            (scale(0, 2, 1), 1, 1, false),
            (Goal::Reload { generation: 2 }, 0, 2, false),
        ] {
            let needs = goal.needs(SlotId { server: 0, slot }, generation);
            assert_eq!(needs, expected, "{goal:?} slot {slot} generation {generation}");
        }
    }
}
