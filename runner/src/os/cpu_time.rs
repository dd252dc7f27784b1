//! The CPU time that a process has used, without `/proc`.

use nix::errno::Errno;
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use std::io;
use std::time::Duration;

/// No pid is higher (`/proc/sys/kernel/pid_max`, proc_sys_kernel(5)).
const PID_MAX: i32 = 1 << 22;

/// The CPU time of all threads of `pid` since its start, in user code and in the kernel
/// (clock_getcpuclockid(3)). Two system calls of less than a microsecond; anybody may ask.
///
/// Fails when there is no such process. One that has ended and was not waited for still has its
/// time.
pub(crate) fn cpu_time(pid: i32) -> io::Result<Duration> {
    // The number is packed into that of a clock: 0 would be this process, and larger ones than
    // there are would be cut off.
    if !(1..=PID_MAX).contains(&pid) {
        return Err(Errno::ESRCH.into());
    }
    Ok(clock_gettime(clock_getcpuclockid(Pid::from_raw(pid))?)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn grows_with_work_and_only_then() {
        let own = std::process::id().cast_signed();
        let before = cpu_time(own).unwrap();
        let began = Instant::now();
        while cpu_time(own).unwrap() < before + Duration::from_millis(2) {
            assert!(began.elapsed() < Duration::from_secs(30), "a busy loop uses no CPU time");
        }
    }

    #[test]
    fn a_process_that_is_not_there_has_none() {
        for pid in [i32::MAX, PID_MAX, 0, -1] {
            assert!(cpu_time(pid).is_err(), "{pid}");
        }
    }
}
