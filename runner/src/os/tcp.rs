//! What TCP has and no library offers.

use super::socket_option::SocketOption;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

const DEFER_ACCEPT: SocketOption = SocketOption {
    level: libc::IPPROTO_TCP,
    number: libc::TCP_DEFER_ACCEPT,
    name: "TCP_DEFER_ACCEPT",
};

/// Tells a listener to report a connection only when its first data has arrived (tcp(7),
/// `TCP_DEFER_ACCEPT`); a silent one is reported after about `longest`, rounded to seconds.
pub(crate) fn defer_accept(listener: impl AsFd, longest: Duration) -> io::Result<()> {
    let seconds = libc::c_int::try_from(longest.as_secs()).unwrap_or(libc::c_int::MAX);
    DEFER_ACCEPT.set(listener, &seconds)
}

/// How many connections wait to be accepted: what `tcpi_unacked` of `TCP_INFO` (tcp(7)) means for a
/// listener. Those on which the kernel waits for data are not among them.
pub(crate) fn queued(listener: impl AsFd) -> io::Result<u32> {
    // SAFETY: it consists of integers only, for which zero is a value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut size = size_of_val(&info) as libc::socklen_t;
    // SAFETY: the kernel writes at most as many bytes as `size` says, which is all of `info`; both
    // live and are borrowed by nobody else.
    let result = unsafe {
        libc::getsockopt(
            listener.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut size,
        )
    };
    if result == 0 {
        Ok(info.tcpi_unacked)
    } else {
        let error = io::Error::last_os_error();
        Err(io::Error::new(error.kind(), format!("TCP_INFO: {error}")))
    }
}
