//! What the processes of a program are called in `ps`.

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
    fn titles_tell_what_a_worker_is_at() {
        for (state, expected) in [
            (WorkerState::Starting, "a b 3/12 starting"),
            (WorkerState::Ready, "a b 3/12"),
            (WorkerState::Draining, "a b 3/12 draining"),
        ] {
            let title = WorkerTitle { server: "a b".to_owned(), slot: 3, generation: 12, state };
            assert_eq!(title.to_string(), expected);
        }
    }
}
