//! The executable of this process, to be executed again whatever has become of its file.

use super::hand_over::VARIABLE;
use nix::fcntl::AtFlags;
use nix::unistd::execveat;
use rustix::fs::{Mode, OFlags, open};
use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;

/// The executable and the arguments of this process.
#[derive(Debug)]
pub(crate) struct Image {
    file: OwnedFd,
    arguments: Vec<CString>,
}

impl Image {
    /// To be called before the [title](super::title) is set, which writes over the arguments.
    pub(crate) fn of_this_process() -> io::Result<Self> {
        let file = open("/proc/self/exe", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { file, arguments: env::args_os().map(text).collect() })
    }

    /// Executes it in place of what runs now, with the same environment and the number of a
    /// descriptor [handed over](super::hand_over). Returns only if that fails.
    pub(crate) fn execute(&self, handed_over: RawFd) -> io::Error {
        let number = OsString::from(handed_over.to_string());
        let variables = env::vars_os().chain([(VARIABLE.into(), number)]);
        let environment: Vec<_> = variables.map(|(name, value)| variable(name, &value)).collect();
        let flags = AtFlags::AT_EMPTY_PATH;
        let Err(error) = execveat(&self.file, c"", &self.arguments, &environment, flags);
        error.into()
    }
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
