//! Options of sockets that no library can set.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// An option as setsockopt(2) knows it, and its name for errors.
pub(super) struct SocketOption {
    pub(super) level: libc::c_int,
    pub(super) number: libc::c_int,
    pub(super) name: &'static str,
}

impl SocketOption {
    /// Sets it; an error names it. What `value` points to must live until then.
    pub(super) fn set<T: Copy>(&self, socket: impl AsFd, value: &T) -> io::Result<()> {
        // SAFETY: the kernel copies `size_of::<T>()` bytes out of a value that is that large and
        // lives. Where the option wants another size or other addresses in it, the call fails.
        let result = unsafe {
            libc::setsockopt(
                socket.as_fd().as_raw_fd(),
                self.level,
                self.number,
                std::ptr::from_ref(value).cast(),
                size_of::<T>() as libc::socklen_t,
            )
        };
        if result == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        Err(io::Error::new(error.kind(), format!("{}: {error}", self.name)))
    }
}
