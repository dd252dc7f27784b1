//! The executable of this process, to be executed again whatever has become of its file.

use super::hand_over::VARIABLE;
use nix::fcntl::AtFlags;
use nix::unistd::execveat;
use rustix::fs::{AtFlags as At, Mode, OFlags, open, stat, statat};
use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The executable that this process runs.
const OWN: &str = "/proc/self/exe";

/// An executable, and the arguments that it is executed with.
#[derive(Debug)]
pub(crate) struct Image {
    /// None: that of this process, which is there as long as the process.
    file: Option<OwnedFd>,
    arguments: Vec<CString>,
    /// Where a newer one is found.
    path: PathBuf,
}

impl Image {
    /// The executable of this process, with its arguments; `directory` is the one that it was started
    /// in. To be called before the [title](super::title) is set, which writes over the arguments.
    pub(crate) fn of_this_process(directory: &Path) -> io::Result<Self> {
        let arguments: Vec<_> = env::args_os().collect();
        let called = arguments.first().map(OsString::as_os_str);
        let path = path_of_this_process(called, directory)?;
        let arguments = arguments.into_iter().map(text).collect();
        Ok(Self { file: None, arguments, path })
    }

    /// One that another process image has opened.
    pub(crate) fn adopt(file: OwnedFd, arguments: Vec<Vec<u8>>, path: PathBuf) -> Self {
        let arguments = arguments.into_iter().map(|argument| text(OsString::from_vec(argument)));
        Self { file: Some(file), arguments: arguments.collect(), path }
    }

    /// The same, found elsewhere: it was executed by its descriptor.
    pub(crate) fn found_at(self, path: PathBuf) -> Self {
        Self { path, ..self }
    }

    /// The executable that is where this one was found, now: after a deployment, another one.
    pub(crate) fn newest(&self) -> io::Result<Self> {
        let Self { arguments, path, .. } = self;
        let explain = |error| io::Error::other(format!("`{}`: {error}", path.display()));
        let file = open_path(path).map_err(explain)?;
        Ok(Self { file: Some(file), arguments: arguments.clone(), path: path.clone() })
    }

    /// Its file, even if that has no name any more.
    pub(crate) fn open(&self) -> io::Result<OwnedFd> {
        match &self.file {
            Some(file) => file.try_clone(),
            None => open_path(Path::new(OWN)),
        }
    }

    /// Where it was found.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn arguments(&self) -> impl Iterator<Item = Vec<u8>> {
        self.arguments.iter().map(|argument| argument.as_bytes().to_vec())
    }

    /// Executes it in place of what runs now, with the same environment, for an errand, with the
    /// number of a descriptor [handed over](super::hand_over). Returns only if that fails.
    pub(crate) fn execute(&self, errand: &str, handed_over: RawFd) -> io::Error {
        let file = match self.open() {
            Ok(file) => file,
            Err(error) => return error,
        };
        let value = OsString::from(format!("{errand}:{handed_over}"));
        let variables = env::vars_os().chain([(VARIABLE.into(), value)]);
        let environment: Vec<_> = variables.map(|(name, value)| variable(name, &value)).collect();
        let flags = AtFlags::AT_EMPTY_PATH;
        let Err(error) = execveat(&file, c"", &self.arguments, &environment, flags);
        error.into()
    }
}

/// Where the executable was found: by its name as it was called, for a link in it may point to
/// another version by and by, or else where it really is.
fn path_of_this_process(called: Option<&OsStr>, directory: &Path) -> io::Result<PathBuf> {
    let real = || env::current_exe();
    let Some(called) = called else {
        return real();
    };
    let path = if called.as_bytes().contains(&b'/') {
        // Without any `.` in it.
        directory.join(called).components().collect()
    } else {
        let directories = env::var_os("PATH").unwrap_or_default();
        let mut paths = env::split_paths(&directories).map(|directory| directory.join(called));
        paths.find(|path| is_own(path)).unwrap_or_default()
    };
    if is_own(&path) { Ok(path) } else { real() }
}

/// Whether what is there is the executable of this process.
fn is_own(path: &Path) -> bool {
    let (Ok(there), Ok(own)) = (stat(path), stat(OWN)) else {
        return false;
    };
    (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino)
}

fn open_path(path: &Path) -> io::Result<OwnedFd> {
    let file = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    // Anything else would be found out by the exec only.
    let is_file = statat(&file, c"", At::EMPTY_PATH)?.st_mode & libc::S_IFMT == libc::S_IFREG;
    if is_file { Ok(file) } else { Err(io::Error::other("it is no file")) }
}

fn variable(mut name: OsString, value: &OsStr) -> CString {
    name.push("=");
    name.push(value);
    text(name)
}

/// What came from the kernel holds no zero byte; a text that does is cut there.
fn text(text: OsString) -> CString {
    let mut bytes = text.into_vec();
    bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
    CString::new(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_program_is_found_by_its_name() {
        let own = env::current_exe().unwrap();
        let by_path = path_of_this_process(Some(own.as_os_str()), Path::new("/")).unwrap();
        assert_eq!(by_path, own);
        // Neither of these is what runs here.
        for other in ["sh", "/bin/sh", "no such program"] {
            let path = path_of_this_process(Some(OsStr::new(other)), Path::new("/")).unwrap();
            assert_eq!(path, own, "{other}");
        }
    }

    /// A link is followed anew each time, so that it can point to the next version (symlink deploys).
    #[test]
    fn the_newest_is_what_is_there_now() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("program");
        std::os::unix::fs::symlink(env::current_exe().unwrap(), &link).unwrap();
        let called = Some(OsStr::new("./program"));
        let path = path_of_this_process(called, directory.path()).unwrap();
        assert_eq!(path, directory.path().join("program"));
        let file = open_path(&link).unwrap();
        let image = Image::adopt(file, vec![b"program".to_vec()], path);
        fs::remove_file(&link).unwrap();
        let gone = image.newest().unwrap_err().to_string();
        assert!(gone.contains("program`: No such file"), "{gone}");
        fs::copy("/bin/sh", &link).unwrap();
        let newest = image.newest().unwrap();
        let inode = statat(newest.open().unwrap(), c"", At::EMPTY_PATH).unwrap().st_ino;
        assert_eq!(inode, fs::metadata(&link).unwrap().ino());
        fs::remove_file(&link).unwrap();
        fs::create_dir(&link).unwrap();
        assert!(image.newest().is_err());
    }
}
