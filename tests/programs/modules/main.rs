//! Servers in modules, and the master at the root.

mod api;
mod echo;

use runner::prelude::*;

struct App;

#[master(pid_file = "modules.pid", umask = 0o027, term = "graceful")]
impl App {
    fn start(&self, master: &Master) -> Result<()> {
        let _ = master;
        Ok(())
    }

    fn worker_exit(&self, exit: &WorkerExit) {
        let _ = exit;
    }
}
