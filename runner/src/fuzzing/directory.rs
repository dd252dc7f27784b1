//! A directory for the files of a target.

use std::path::{Path, PathBuf};
use std::{fs, process, thread};

/// One for each thread, removed with it.
pub(super) struct Directory {
    path: PathBuf,
}

thread_local! {
    static DIRECTORY: Directory = Directory::create();
}

impl Directory {
    /// Lets `use_it` have the directory of this thread.
    pub(super) fn with<R>(use_it: impl FnOnce(&Path) -> R) -> R {
        DIRECTORY.with(|directory| use_it(&directory.path))
    }

    fn create() -> Self {
        let name = format!("runner-fuzzing-{}-{:?}", process::id(), thread::current().id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a directory for temporary files");
        Self { path }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
