//! The pid file: a held lock decides who runs, the number in it informs.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, process, thread};

/// How often, and after how long, a held file is tried again: [`holder`] holds it for a moment.
const TRIES: u32 = 3;
const TRY_AGAIN: Duration = Duration::from_millis(10);

/// How many bytes of it are read.
const LONGEST: u64 = 32;

/// A pid file that this process holds. Dropping it only closes it, so that a child may;
/// [`remove`](Self::remove) is for its owner.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    file: File,
}

/// Why the pid file is not ours.
#[derive(Debug)]
pub(crate) enum PidFileError {
    /// Another process holds it; its pid, if it has written one yet.
    Held(Option<i32>),
    Io(io::Error),
}

impl PidFile {
    /// Locks the file, creating it if need be. What it holds then is from a process that is gone.
    pub(crate) fn acquire(path: &Path) -> Result<Self, PidFileError> {
        let mut tries = TRIES;
        loop {
            let file = open(path).map_err(PidFileError::Io)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if tries > 0 => {
                    tries -= 1;
                    thread::sleep(TRY_AGAIN);
                    continue;
                }
                Err(TryLockError::WouldBlock) => return Err(PidFileError::Held(read_pid(&file))),
                Err(TryLockError::Error(error)) => return Err(PidFileError::Io(error)),
            }
            // Its last owner may have removed it between the open and the lock.
            if is_at(&file, path) {
                return Ok(Self { path: path.to_owned(), file });
            }
        }
    }

    /// Takes one that the process image before this one has locked and written.
    pub(crate) fn adopt(path: PathBuf, descriptor: OwnedFd) -> Self {
        Self { path, file: descriptor.into() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the number of this process.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        let text = format!("{}\n", process::id());
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())?;
        self.file.set_len(text.len() as u64)
    }

    /// Makes the file anew if somebody has removed it. Returns whether that was so.
    pub(crate) fn ensure(&mut self) -> Result<bool, PidFileError> {
        if is_at(&self.file, &self.path) {
            return Ok(false);
        }
        *self = Self::acquire(&self.path)?;
        self.write().map_err(PidFileError::Io)?;
        Ok(true)
    }

    /// Removes the file, unless somebody put another one there.
    pub(crate) fn remove(self) {
        if is_at(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl AsFd for PidFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// The pid of the process that holds the file at `path`; none when nobody does.
pub(crate) fn holder(path: &Path) -> io::Result<Option<i32>> {
    let file = match OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => match read_pid(&file) {
            Some(pid) => Ok(Some(pid)),
            None => Err(io::Error::new(io::ErrorKind::InvalidData, "it holds no number")),
        },
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Not through a link: in a directory that others may write to, that would be theirs to aim.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o644)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
}

/// A part of a longer text may be another number.
fn read_pid(file: &File) -> Option<i32> {
    let mut text = String::new();
    file.take(LONGEST + 1).read_to_string(&mut text).ok()?;
    let whole = text.len() as u64 <= LONGEST;
    text.trim().parse().ok().filter(|pid| whole && *pid > 0)
}

fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(ours), Ok(there)) = (file.metadata(), fs::symlink_metadata(path)) else {
        return false;
    };
    ours.ino() == there.ino() && ours.dev() == there.dev()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(directory: &tempfile::TempDir) -> PathBuf {
        directory.path().join("app.pid")
    }

    #[test]
    fn the_lock_decides_and_the_number_informs() {
        let directory = tempfile::tempdir().unwrap();
        // A number left behind by a process that is gone, in three disguises: none may matter.
        for stale in [process::id().to_string(), "1".to_owned(), "not a number".to_owned()] {
            fs::write(path(&directory), stale).unwrap();
            let mut held = PidFile::acquire(&path(&directory)).unwrap();
            held.write().unwrap();
            assert_eq!(
                fs::read_to_string(path(&directory)).unwrap(),
                format!("{}\n", process::id())
            );
            let second = PidFile::acquire(&path(&directory));
            let ours = i32::try_from(process::id()).unwrap();
            assert!(matches!(second, Err(PidFileError::Held(Some(pid))) if pid == ours));
            assert_eq!(holder(&path(&directory)).unwrap(), Some(ours));
            held.remove();
            assert!(!path(&directory).exists());
        }
        assert_eq!(holder(&path(&directory)).unwrap(), None);
    }

    #[test]
    fn removes_only_its_own_file() {
        let directory = tempfile::tempdir().unwrap();
        let held = PidFile::acquire(&path(&directory)).unwrap();
        fs::remove_file(path(&directory)).unwrap();
        fs::write(path(&directory), "somebody else's").unwrap();
        held.remove();
        assert!(path(&directory).exists());
    }

    /// One that is gone is made again, but not in the place of somebody else's (P57).
    #[test]
    fn comes_back_after_it_was_removed() {
        let directory = tempfile::tempdir().unwrap();
        let mut held = PidFile::acquire(&path(&directory)).unwrap();
        assert!(!held.ensure().unwrap());
        fs::remove_file(path(&directory)).unwrap();
        assert!(held.ensure().unwrap());
        assert_eq!(holder(&path(&directory)).unwrap(), Some(process::id().cast_signed()));
        fs::remove_file(path(&directory)).unwrap();
        let other = PidFile::acquire(&path(&directory)).unwrap();
        assert!(matches!(held.ensure(), Err(PidFileError::Held(None))));
        other.remove();
    }

    #[test]
    fn follows_no_link() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(directory.path().join("target"), path(&directory)).unwrap();
        assert!(matches!(PidFile::acquire(&path(&directory)), Err(PidFileError::Io(_))));
        assert!(!directory.path().join("target").exists());
    }
}
