//! Standard input, output and error from files.

use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The files that replace the standard streams; none keeps the stream as it is.
#[derive(Debug, Default)]
pub(crate) struct Stdio {
    pub(crate) stdin: Option<File>,
    pub(crate) stdout: Option<File>,
    pub(crate) stderr: Option<File>,
}

impl Stdio {
    /// Puts the files in place of the standard streams of this process.
    pub(crate) fn redirect(&self) -> io::Result<()> {
        if let Some(file) = &self.stdin {
            dup2_stdin(file)?;
        }
        if let Some(file) = &self.stdout {
            dup2_stdout(file)?;
        }
        if let Some(file) = &self.stderr {
            dup2_stderr(file)?;
        }
        Ok(())
    }
}

/// Opens a file to read standard input from.
pub(crate) fn open_input(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Opens a file to append output to; a new one is readable by its owner and group only.
pub(crate) fn open_output(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}
