//! What the processes of a program are called in `ps`: written by them, read by the verbs.

use std::fmt;

/// A worker's title: `echo 0/3`, with its state behind it unless it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WorkerTitle {
    pub(crate) server: String,
    pub(crate) slot: u32,
    pub(crate) generation: u32,
    pub(crate) state: WorkerState,
}

/// What a worker is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorkerState {
    Starting,
    Ready,
    Draining,
}

impl WorkerTitle {
    /// Reads a title; none when it is not one.
    pub(crate) fn parse(title: &str) -> Option<Self> {
        let (title, state) = match title.rsplit_once(' ')? {
            (title, "starting") => (title, WorkerState::Starting),
            (title, "draining") => (title, WorkerState::Draining),
            _ => (title, WorkerState::Ready),
        };
        let (server, place) = title.rsplit_once(' ')?;
        let (slot, generation) = place.split_once('/')?;
        let (slot, generation) = (slot.parse().ok()?, generation.parse().ok()?);
        Some(Self { server: server.to_owned(), slot, generation, state })
    }
}

impl fmt::Display for WorkerTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, slot, generation, state } = self;
        write!(f, "{server} {slot}/{generation}")?;
        match state {
            WorkerState::Ready => Ok(()),
            state => write!(f, " {state}"),
        }
    }
}

impl fmt::Display for WorkerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_read_as_written() {
        for state in [WorkerState::Starting, WorkerState::Ready, WorkerState::Draining] {
            for server in ["echo", "Http server", "draining", "a 1/2"] {
                let title =
                    WorkerTitle { server: server.to_owned(), slot: 3, generation: 12, state };
                assert_eq!(WorkerTitle::parse(&title.to_string()), Some(title));
            }
        }
    }

    #[test]
    fn other_titles_are_not_taken_for_a_worker() {
        for title in ["", "echo", "app: master", "echo 1", "echo a/b", "sleep 60"] {
            assert_eq!(WorkerTitle::parse(title), None, "{title}");
        }
    }
}
