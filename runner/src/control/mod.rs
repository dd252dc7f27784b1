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

/// Where the control socket is: beside the pid file, as `app.control` is beside `app.pid`; none
/// without a pid file.
pub(crate) fn control_path(master: &MasterConfig) -> Option<Sourced<PathBuf>> {
    let Sourced { value: pid_file, origin } = master.pid_file.as_ref()?;
    let mut value = pid_file.with_extension("control");
    if value == *pid_file {
        value.as_mut_os_string().push(".control");
    }
    Some(Sourced { value, origin: origin.clone() })
}
