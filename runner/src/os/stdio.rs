//! Standard input, output and error from files.

use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
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

    /// Takes new files for standard output and error, where there are any.
    pub(crate) fn take_outputs(&mut self, new: Self) {
        self.stdout = new.stdout.or(self.stdout.take());
        self.stderr = new.stderr.or(self.stderr.take());
    }

    /// How many files there are.
    pub(crate) fn count(&self) -> usize {
        [&self.stdin, &self.stdout, &self.stderr].into_iter().flatten().count()
    }
}

/// New files for the standard output and error of another process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outputs<'a> {
    pub(crate) stdout: Option<&'a File>,
    pub(crate) stderr: Option<&'a File>,
}

/// What the byte says that descriptors are sent with: which streams they are for, in this order.
const STDOUT: u8 = 1;
const STDERR: u8 = 2;

impl<'a> Outputs<'a> {
    /// The byte and the descriptors to send.
    pub(crate) fn into_message(self) -> (u8, Vec<BorrowedFd<'a>>) {
        let streams = [(STDOUT, self.stdout), (STDERR, self.stderr)];
        let streams = streams.into_iter().filter_map(|(bit, file)| Some((bit, file?.as_fd())));
        streams.fold((0, Vec::new()), |(byte, mut descriptors), (bit, descriptor)| {
            descriptors.push(descriptor);
            (byte | bit, descriptors)
        })
    }
}

impl Stdio {
    /// The files of [`Outputs`] at the other end. Fails when descriptors are missing, as happens to
    /// a process that has as many as it may have.
    pub(crate) fn from_message(byte: u8, descriptors: Vec<OwnedFd>) -> io::Result<Self> {
        let mut files = descriptors.into_iter().map(File::from);
        let mut take = |bit: u8| {
            let missing = || io::Error::other("too many open files");
            (byte & bit != 0).then(|| files.next().ok_or_else(missing)).transpose()
        };
        Ok(Self { stdin: None, stdout: take(STDOUT)?, stderr: take(STDERR)? })
    }
}

/// Opens a file to read standard input from.
pub(crate) fn open_input(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Like [`open_input`], but at a FIFO this waits for nobody: it is at its end while nobody writes.
pub(crate) fn reopen_input(path: &Path) -> io::Result<File> {
    waiting_again(OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?)
}

/// Opens a file to append output to; a new one is readable by its owner and group only. At a FIFO
/// this waits for a reader (fifo(7)).
pub(crate) fn open_output(path: &Path) -> io::Result<File> {
    appending().open(path)
}

/// Like [`open_output`], but a FIFO that nobody reads is an error: this is for a process that has
/// more to do than to wait.
pub(crate) fn reopen_output(path: &Path) -> io::Result<File> {
    waiting_again(appending().custom_flags(libc::O_NONBLOCK).open(path)?)
}

/// Has reads and writes wait, though opening did not.
fn waiting_again(file: File) -> io::Result<File> {
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

fn appending() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o640);
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// What is sent arrives at the same stream, whichever of them are sent.
    #[test]
    fn outputs_arrive_at_their_streams() {
        let [out, error] = [tempfile::NamedTempFile::new(), tempfile::NamedTempFile::new()]
            .map(|file| file.unwrap());
        for streams in 0..4 {
            let outputs = Outputs {
                stdout: (streams & 1 != 0).then_some(out.as_file()),
                stderr: (streams & 2 != 0).then_some(error.as_file()),
            };
            let (byte, descriptors) = outputs.into_message();
            let descriptors = descriptors.iter().map(|own| own.try_clone_to_owned().unwrap());
            let stdio = Stdio::from_message(byte, descriptors.collect()).unwrap();
            assert_eq!(stdio.stdout.is_some(), outputs.stdout.is_some());
            assert_eq!(stdio.stderr.is_some(), outputs.stderr.is_some());
            stdio.stdout.iter().for_each(|mut file| file.write_all(b"out").unwrap());
            stdio.stderr.iter().for_each(|mut file| file.write_all(b"error").unwrap());
        }
        assert_eq!(std::fs::read(out).unwrap(), b"outout");
        assert_eq!(std::fs::read(error).unwrap(), b"errorerror");
    }

    #[test]
    fn lost_descriptors_are_noticed() {
        let file = tempfile::tempfile().unwrap();
        let (byte, _) = Outputs { stdout: Some(&file), stderr: Some(&file) }.into_message();
        assert!(Stdio::from_message(byte, vec![file.into()]).is_err());
        assert!(Stdio::from_message(0, Vec::new()).is_ok());
    }

    #[test]
    fn reopening_waits_for_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(reopen_output(&fifo).is_err());
        let mut input = reopen_input(&fifo).unwrap();
        assert!(!fcntl_getfl(&input).unwrap().contains(OFlags::NONBLOCK));
        assert_eq!(io::Read::read(&mut input, &mut [0]).unwrap(), 0);
        let path = directory.path().join("file");
        for text in ["one ", "two"] {
            let mut file = reopen_output(&path).unwrap();
            assert!(!fcntl_getfl(&file).unwrap().contains(OFlags::NONBLOCK));
            file.write_all(text.as_bytes()).unwrap();
        }
        assert_eq!(std::fs::read(path).unwrap(), b"one two");
    }
}
