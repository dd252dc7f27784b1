//! Becomes a subreaper and then the program that its arguments name: what a supervisor of the
//! session does for the programs that it starts.

use std::os::unix::process::CommandExt;
use std::process::Command;

fn main() {
    nix::sys::prctl::set_child_subreaper(true).expect("every process may");
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().expect("the name of a program");
    panic!("{}", Command::new(program).args(arguments).exec());
}
