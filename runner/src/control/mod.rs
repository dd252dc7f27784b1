//! Talking to a running master: what is said ([`protocol`]) and the verbs that say it.
//!
//! The master listens on a socket beside its pid file. Who may connect is decided by the mode of
//! that file and by the user of the peer: the master's own, or root.

mod client;
pub(crate) mod protocol;
mod running;
mod table;
mod verbs;

pub(crate) use verbs::perform;

use crate::config::{MasterConfig, Sourced};
use std::path::PathBuf;

/// Where the control socket is: where `control` says, or beside the pid file, as `app.pid.sock` is
/// beside `app.pid`.
pub(crate) fn control_path(master: &MasterConfig) -> Option<Sourced<PathBuf>> {
    if master.control.is_some() {
        return master.control.clone();
    }
    let mut beside = master.pid_file.clone()?;
    beside.value.as_mut_os_string().push(".sock");
    Some(beside)
}
