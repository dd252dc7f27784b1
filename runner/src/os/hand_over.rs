//! What goes through an exec: a text, and open descriptors that it names by their numbers.

use super::environment;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use rustix::fs::{MemfdFlags, memfd_create};
use std::collections::BTreeSet;
use std::env;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// The environment variable that holds the number of the descriptor with the text.
pub(crate) const VARIABLE: &str = "RUNNER_HAND_OVER";

/// The longest text, in bytes.
const LENGTH_MAX: u64 = 16 << 20;

/// Puts the text into a file without a name, to be handed over.
pub(crate) fn write(text: &str) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("runner hand-over", MemfdFlags::CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file.into())
}

/// Lets the descriptor stay open through an exec. Returns the number that it has then.
pub(crate) fn keep(descriptor: impl AsFd) -> io::Result<RawFd> {
    let descriptor = descriptor.as_fd();
    set_close_on_exec(descriptor, false)?;
    Ok(descriptor.as_raw_fd())
}

/// What the process image before this one has handed over.
#[derive(Debug)]
pub(crate) struct HandedOver {
    text: String,
    taken: BTreeSet<RawFd>,
}

impl HandedOver {
    /// Takes it, if there is any, and takes the variable out of the environment, so that programs
    /// started from here do not see it.
    pub(crate) fn receive() -> Option<io::Result<Self>> {
        let number = env::var_os(VARIABLE)?;
        let number = number.to_str().and_then(|number| number.parse().ok());
        Some(environment::forget(&[VARIABLE]).and_then(|()| Self::read(number)))
    }

    fn read(number: Option<RawFd>) -> io::Result<Self> {
        let mut handed_over = Self { text: String::new(), taken: BTreeSet::new() };
        let number = number.ok_or(io::ErrorKind::InvalidInput)?;
        let file = File::from(handed_over.take(number)?);
        file.take(LENGTH_MAX).read_to_string(&mut handed_over.text)?;
        Ok(handed_over)
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Takes a descriptor that the text names. Each is there once.
    pub(crate) fn take(&mut self, number: RawFd) -> io::Result<OwnedFd> {
        if number <= libc::STDERR_FILENO || !self.taken.insert(number) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: the number is only used for a system call that fails when nothing is open there.
        set_close_on_exec(unsafe { BorrowedFd::borrow_raw(number) }, true)?;
        // SAFETY: it is open, was opened by the image before this one, so that nobody here can own
        // it, and is taken once.
        Ok(unsafe { OwnedFd::from_raw_fd(number) })
    }
}

fn set_close_on_exec(descriptor: BorrowedFd<'_>, close: bool) -> io::Result<()> {
    let flags = if close { FdFlag::FD_CLOEXEC } else { FdFlag::empty() };
    fcntl(descriptor, FcntlArg::F_SETFD(flags))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::IntoRawFd;

    #[test]
    fn a_text_and_a_descriptor_are_taken_once() {
        let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
        let far = keep(&far).map(|_| far.into_raw_fd()).unwrap();
        let text = write("the text").unwrap().into_raw_fd();
        let mut handed_over = HandedOver::read(Some(text)).unwrap();
        assert_eq!(handed_over.text(), "the text");
        drop(handed_over.take(far).unwrap());
        assert_eq!((&near).read(&mut [0]).unwrap(), 0);
        assert!(handed_over.take(far).is_err());
    }

    #[test]
    fn what_is_not_open_is_refused() {
        for number in [None, Some(-1), Some(0), Some(2), Some(1 << 20)] {
            assert!(HandedOver::read(number).is_err(), "{number:?}");
        }
    }
}
