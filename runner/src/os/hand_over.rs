//! What goes through an exec: an errand, which says what the program is executed for, a text, and
//! open descriptors that the text names by their numbers.

use super::environment;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use rustix::fs::{MemfdFlags, memfd_create};
use std::collections::BTreeSet;
use std::env;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// The environment variable that holds the errand and the number of the descriptor with the text,
/// as in `worker:7`.
pub(super) const VARIABLE: &str = "RUNNER_HAND_OVER";

/// The longest text, in bytes.
const LENGTH_MAX: u64 = 16 << 20;

/// Puts the text into a file without a name, which stays open through an exec. The number is that of
/// its descriptor.
pub(crate) fn write(text: &str) -> io::Result<(OwnedFd, RawFd)> {
    let mut file = File::from(memfd_create("runner hand-over", MemfdFlags::CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    let number = keep(&file)?;
    Ok((file.into(), number))
}

/// Lets the descriptor stay open through an exec. Returns the number that it has then.
pub(crate) fn keep(descriptor: impl AsFd) -> io::Result<RawFd> {
    let descriptor = descriptor.as_fd();
    set_close_on_exec(descriptor, false)?;
    Ok(descriptor.as_raw_fd())
}

/// Descriptors that stay open through an exec if there is one before this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Kept<'a>(Vec<BorrowedFd<'a>>);

impl<'a> Kept<'a> {
    /// Keeps one more. Returns the number that it has after the exec.
    pub(crate) fn keep(&mut self, descriptor: &'a impl AsFd) -> io::Result<RawFd> {
        self.keep_borrowed(descriptor.as_fd())
    }

    pub(crate) fn keep_borrowed(&mut self, descriptor: BorrowedFd<'a>) -> io::Result<RawFd> {
        let number = keep(descriptor)?;
        self.0.push(descriptor);
        Ok(number)
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        for descriptor in &self.0 {
            // It fails for no descriptor that is open.
            let _ = set_close_on_exec(*descriptor, true);
        }
    }
}

/// What the process image before this one has handed over.
#[derive(Debug)]
pub(crate) struct HandedOver {
    errand: String,
    text: String,
    taken: BTreeSet<RawFd>,
}

impl HandedOver {
    /// Takes it, if there is any, and takes the variable out of the environment, so that programs
    /// started from here do not see it.
    pub(crate) fn receive() -> Option<io::Result<Self>> {
        let value = env::var_os(VARIABLE)?;
        let value = value.to_string_lossy();
        Some(environment::forget(&[VARIABLE]).and_then(|()| Self::read(&value)))
    }

    fn read(value: &str) -> io::Result<Self> {
        let (errand, number) = value.split_once(':').ok_or(io::ErrorKind::InvalidInput)?;
        let number = number.parse().map_err(|_| io::ErrorKind::InvalidInput)?;
        let (errand, text) = (errand.to_owned(), String::new());
        let mut handed_over = Self { errand, text, taken: BTreeSet::new() };
        let file = File::from(handed_over.take(number)?);
        file.take(LENGTH_MAX).read_to_string(&mut handed_over.text)?;
        Ok(handed_over)
    }

    /// What the program was executed for.
    pub(crate) fn errand(&self) -> &str {
        &self.errand
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
        let (file, number) = write("the text").unwrap();
        std::mem::forget(file);
        let mut handed_over = HandedOver::read(&format!("errand:{number}")).unwrap();
        assert_eq!((handed_over.errand(), handed_over.text()), ("errand", "the text"));
        drop(handed_over.take(far).unwrap());
        assert_eq!((&near).read(&mut [0]).unwrap(), 0);
        assert!(handed_over.take(far).is_err());
    }

    #[test]
    fn what_is_not_open_is_refused() {
        for value in ["", "7", "a:", "a:b", "a:-1", "a:0", "a:2", "a:1048576"] {
            assert!(HandedOver::read(value).is_err(), "{value:?}");
        }
    }
}
