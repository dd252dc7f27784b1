//! Socket options that no library offers.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

/// Tells a listener to report a connection only when its first data has arrived (tcp(7),
/// `TCP_DEFER_ACCEPT`); a silent one is reported after about `longest`, rounded to seconds.
pub(crate) fn defer_accept(listener: impl AsFd, longest: Duration) -> io::Result<()> {
    let seconds = libc::c_int::try_from(longest.as_secs()).unwrap_or(libc::c_int::MAX);
    let size = size_of_val(&seconds) as libc::socklen_t;
    // SAFETY: the value is a live int of the size given, which the kernel copies.
    let result = unsafe {
        libc::setsockopt(
            listener.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            size,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
