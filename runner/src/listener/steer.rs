//! Which slots new connections go to.

use super::Listeners;
use crate::os::reuseport::{Program, detach_program};
use std::io;

impl Listeners {
    /// Lets new connections go to these slots only, each of which exists, in ascending order. Does
    /// nothing if they do already.
    ///
    /// What waits in the queue of another slot stays there, and what was on its way there still
    /// arrives. If no slot is given everything stays as it is: connections wait for workers to come.
    ///
    /// An error, such as of a kernel that cannot do this, is not worth a second attempt until the
    /// slots have changed. Until then connections may go to any slot.
    pub(crate) fn steer(&mut self, live: &[u32]) -> io::Result<()> {
        if live.is_empty() || live == self.steered {
            return Ok(());
        }
        live.clone_into(&mut self.steered);
        // With every slot live the kernel's own choice costs no program.
        let all = live.len() == self.slots.len();
        let program = (!all).then(|| Program::random_among(live));
        self.choose_by(program.as_ref())
    }

    /// Keeps connections from slots that are yet to come.
    pub(super) fn pin(&self) -> io::Result<()> {
        self.choose_by(Some(&Program::random_among(&self.steered)))
    }

    fn choose_by(&self, program: Option<&Program>) -> io::Result<()> {
        // Any socket of a group stands for all.
        for socket in self.sockets(0) {
            match program {
                Some(program) => program.attach(socket)?,
                None => detach_program(socket)?,
            }
        }
        Ok(())
    }
}
