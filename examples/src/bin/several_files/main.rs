//! A program in several files: the servers in modules of their own, the master here.

mod api;
mod echo;

use runner::prelude::*;

struct Program;

#[master(name = "several_files")]
impl Program {
    fn start(&self, master: &Master) {
        for server in master.servers() {
            println!("{} serves {} on {:?}", server.name(), server.kind(), server.addresses());
        }
    }

    fn worker_exit(&self, exit: &WorkerExit) {
        if !exit.was_asked() {
            println!("{exit}");
        }
    }
}
