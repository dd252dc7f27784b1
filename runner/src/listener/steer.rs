//! Which slots new connections go to.

use super::Listeners;
use super::group::Group;
use crate::os::reuseport::Program;
use std::io;
use std::time::Duration;

impl Listeners {
    /// How long after a slot was steered away from connections may still arrive there: those of
    /// clients that say nothing at first (`DEFER_LONGEST`), and those whose handshake has lost a
    /// packet, which is sent again after a second (RFC 6298, 2.1). Who loses two comes later.
    pub(crate) const LATEST_ARRIVAL: Duration = Duration::from_millis(1500);

    /// Lets new connections go to these slots only, each of which exists, in ascending order. Does
    /// nothing if they do already.
    ///
    /// What waits in the queue of another slot stays there, and what is on its way there arrives
    /// ([`LATEST_ARRIVAL`](Self::LATEST_ARRIVAL)). If no slot is given everything stays as it is:
    /// connections wait for workers to come.
    ///
    /// An error, such as of a kernel that cannot do this, is not worth a second attempt until the
    /// slots have changed. Until then connections may go to any slot.
    pub(crate) fn steer(&mut self, live: &[u32]) -> io::Result<()> {
        if live.is_empty() || live == self.steered {
            return Ok(());
        }
        debug_assert!(live.iter().all(|slot| *slot < self.slots()), "{live:?} in {self:?}");
        live.clone_into(&mut self.steered);
        let program = (live.len() != self.slots as usize).then(|| Program::random_among(live));
        // Without one the kernel spreads them as well, and has no program to run.
        self.groups.iter().try_for_each(|group| group.choose_by(program.as_ref()))
    }

    /// Keeps connections from slots that are yet to come.
    pub(super) fn pin(&self) -> io::Result<()> {
        self.groups.iter().try_for_each(|group| self.pin_group(group))
    }

    /// Lets new connections to a group go where they go in all others.
    pub(super) fn pin_group(&self, group: &Group) -> io::Result<()> {
        group.choose_by(Some(&Program::random_among(&self.steered)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listener::tests::{ip, request};
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use socket2::{Domain, Socket, Type};
    use std::net::{SocketAddr, TcpStream};
    use std::os::fd::AsFd;

    fn bind(address: &str, slots: u32) -> Listeners {
        Listeners::bind(&request(&[address], slots)).unwrap()
    }

    /// How many connections wait in each slot; they are gone after that.
    fn take_queued(listeners: &Listeners) -> Vec<u32> {
        let queued = (0..listeners.slots()).map(|slot| listeners.queued(slot).unwrap()).collect();
        while listeners.groups.iter().flat_map(Group::sockets).any(|it| it.accept().is_ok()) {}
        assert_eq!(listeners.total_queued().unwrap(), 0);
        queued
    }

    /// Makes so many connections to each address and says how many of them each slot has got.
    fn spread(listeners: &Listeners, connections: u32) -> Vec<u32> {
        for index in 0..listeners.addresses().len() {
            let address = ip(listeners, index);
            for _ in 0..connections {
                TcpStream::connect(address).unwrap();
            }
        }
        let made = connections * listeners.addresses().len() as u32;
        assert_eq!(listeners.total_queued().unwrap(), made);
        take_queued(listeners)
    }

    /// Asserts that these slots and no others get connections, about as many each.
    fn check(listeners: &Listeners, live: &[u32]) {
        let spread = spread(listeners, 100 * live.len() as u32);
        for (slot, share) in (0..).zip(&spread) {
            let expected = if live.contains(&slot) { 50..=150 } else { 0..=0 };
            assert!(expected.contains(share), "slot {slot} of {live:?}: {spread:?}");
        }
    }

    /// (M2)
    #[test]
    fn connections_go_to_live_slots_only() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let mut listeners = bind(address, 4);
            check(&listeners, &[0, 1, 2, 3]);
            for live in [&[1, 2, 3][..], &[0, 1, 3], &[0, 2], &[3], &[0, 1], &[0, 1, 2, 3]] {
                listeners.steer(live).unwrap();
                check(&listeners, live);
            }
        }
    }

    #[test]
    fn all_addresses_are_steered() {
        let request = request(&["127.0.0.1:0", "[::1]:0"], 2);
        let mut listeners = Listeners::bind(&request).unwrap();
        listeners.steer(&[1]).unwrap();
        assert_eq!(spread(&listeners, 10), [0, 20]);
    }

    /// Connections wait for workers to come where the last ones were.
    #[test]
    fn without_live_slots_nothing_changes() {
        let mut listeners = bind("127.0.0.1:0", 3);
        listeners.steer(&[2]).unwrap();
        listeners.steer(&[]).unwrap();
        assert_eq!(spread(&listeners, 10), [0, 0, 10]);
    }

    /// A new slot gets nothing before it is steered to, and its index is its number (M2).
    #[test]
    fn listeners_grow() {
        let mut listeners = bind("127.0.0.1:0", 2);
        listeners.grow(5).unwrap();
        assert_eq!(listeners.slots(), 5);
        check(&listeners, &[0, 1]);
        for slot in 0..5 {
            listeners.steer(&[slot]).unwrap();
            let mut expected = [0; 5];
            expected[slot as usize] = 10;
            assert_eq!(spread(&listeners, 10), expected);
        }
        listeners.grow(4).unwrap();
        assert_eq!(listeners.slots(), 5);
        listeners.grow(6).unwrap();
        assert_eq!(spread(&listeners, 10), [0, 0, 0, 0, 10, 0]);
        listeners.steer(&[0, 1, 2, 3, 4, 5]).unwrap();
        check(&listeners, &[0, 1, 2, 3, 4, 5]);
    }

    /// With every slot live there is no program: the kernel's hash gives a client that comes back
    /// from the same port the same slot again, while a program would choose at random.
    #[test]
    fn with_every_slot_live_the_kernel_chooses() {
        let mut listeners = bind("127.0.0.1:0", 4);
        assert_eq!(slots_of_one_port(&listeners), 1);
        listeners.steer(&[1, 2, 3]).unwrap();
        assert_eq!(slots_of_one_port(&listeners), 3);
        listeners.steer(&[0, 1, 2, 3]).unwrap();
        assert_eq!(slots_of_one_port(&listeners), 1);
    }

    /// How many slots get connections if all of them come from the same port.
    fn slots_of_one_port(listeners: &Listeners) -> usize {
        let mut client: SocketAddr = "127.0.0.1:0".parse().unwrap();
        for _ in 0..50 {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.bind(&client.into()).unwrap();
            client = socket.local_addr().unwrap().as_socket().unwrap();
            // It resets the connection when it is closed, so that the port is free at once.
            socket.set_linger(Some(Duration::ZERO)).unwrap();
            socket.connect(&ip(listeners, 0).into()).unwrap();
        }
        take_queued(listeners).iter().filter(|queued| **queued > 0).count()
    }

    /// A client that has connected and says nothing yet reaches the queue of its slot after the
    /// slot was steered away from; there is something to wait for, and it is counted.
    #[test]
    fn who_comes_late_is_noticed() {
        let mut request = request(&["127.0.0.1:0"], 2);
        request.options.client_speaks_first = true;
        let mut listeners = Listeners::bind(&request).unwrap();
        listeners.steer(&[0]).unwrap();
        let _late = TcpStream::connect(ip(&listeners, 0)).unwrap();
        listeners.steer(&[1]).unwrap();
        assert_eq!(listeners.queued(0).unwrap(), 0);
        let mut sockets =
            [PollFd::new(listeners.groups[0].sockets()[0].as_fd(), PollFlags::POLLIN)];
        let patience = PollTimeout::try_from(Listeners::LATEST_ARRIVAL).unwrap();
        assert_eq!(poll(&mut sockets, patience), Ok(1), "it comes later");
        assert_eq!(listeners.queued(0).unwrap(), 1);
        assert_eq!(listeners.total_queued().unwrap(), 1);
    }
}
