//! The environment of this process.

use super::fork::check_threads;
use std::{env, io};

/// Takes variables out of the environment, so that programs started from here do not see them.
/// Refused to a process with more than one thread.
#[expect(clippy::disallowed_methods, reason = "there is one thread, so nobody reads it meanwhile")]
pub(crate) fn forget(names: &[&str]) -> io::Result<()> {
    for name in names.iter().filter(|name| env::var_os(name).is_some()) {
        check_threads().map_err(|error| io::Error::other(error.to_string()))?;
        // SAFETY: the process has one thread.
        unsafe { env::remove_var(name) };
    }
    Ok(())
}
