//! Groups of sockets that share one address (`SO_REUSEPORT`, socket(7)), and which of them gets a
//! new connection.
//!
//! The index of a socket in its group is the order of `listen`. When one is closed the last one
//! takes its place, so indices hold only as long as none is.

use super::socket_option::SocketOption;
use std::io;
use std::os::fd::AsFd;

const ATTACH: SocketOption = SocketOption {
    level: libc::SOL_SOCKET,
    number: libc::SO_ATTACH_REUSEPORT_CBPF,
    name: "SO_ATTACH_REUSEPORT_CBPF",
};

const DETACH: SocketOption = SocketOption {
    level: libc::SOL_SOCKET,
    number: libc::SO_DETACH_REUSEPORT_BPF,
    name: "SO_DETACH_REUSEPORT_BPF",
};

/// What the kernel runs for each new connection to a group, in classic BPF: unlike its successor it
/// needs no privilege. It returns the index of a socket; for an index without a socket the kernel
/// chooses by itself.
#[derive(Debug)]
pub(crate) struct Program(Vec<libc::sock_filter>);

impl Program {
    /// Chooses one of the indices, of which there is at least one, at random: each as often as any
    /// other. They are in ascending order.
    ///
    /// It consists of three instructions for each gap between the indices and of four more, and so
    /// stays below the 4096 that are allowed (`BPF_MAXINSNS`) in groups of up to 2700. A table of
    /// all indices would end at about 850 of them before Linux 6.8, by `net.core.optmem_max`.
    ///
    /// The hash of the packet (`SKF_AD_RXHASH`) would not do: it is 0 if the network card does not
    /// compute it, and then one socket would get everything.
    pub(crate) fn random_among(indices: &[u32]) -> Self {
        let random = (libc::SKF_AD_OFF + libc::SKF_AD_RANDOM).cast_unsigned();
        let count = indices.len() as u32;
        let mut program = vec![
            instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, random),
            instruction(libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K, count),
        ];
        let mut seen = 0;
        for run in indices.chunk_by(|index, next| index + 1 == *next) {
            let offset = run[0] - seen;
            seen += run.len() as u32;
            if seen < count {
                // Past the two that answer for this run.
                let jump = instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, seen);
                program.push(libc::sock_filter { jt: 2, ..jump });
            }
            program.push(instruction(libc::BPF_ALU | libc::BPF_ADD | libc::BPF_K, offset));
            program.push(instruction(libc::BPF_RET | libc::BPF_A, 0));
        }
        Self(program)
    }

    /// Lets it choose in the group of this socket, instead of any other.
    pub(crate) fn attach(&self, socket: impl AsFd) -> io::Result<()> {
        let len = self.0.len().try_into().unwrap_or(u16::MAX);
        ATTACH.set(socket, &libc::sock_fprog { len, filter: self.0.as_ptr().cast_mut() })
    }
}

/// Lets the kernel choose in the group of this socket: by a hash of both addresses, as it does
/// without any program.
pub(crate) fn detach_program(socket: impl AsFd) -> io::Result<()> {
    match DETACH.set(socket, &0) {
        // There was none.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// An instruction that does not jump.
fn instruction(code: u32, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Socket, Type};
    use std::net::SocketAddr;

    /// What the kernel would do with the program and this number from its generator.
    fn run(program: &Program, random: u32) -> u32 {
        const MODULO: u32 = libc::BPF_ALU | libc::BPF_MOD;
        const ADD: u32 = libc::BPF_ALU | libc::BPF_ADD;
        const JUMP: u32 = libc::BPF_JMP | libc::BPF_JGE;
        const ANSWER: u32 = libc::BPF_RET | libc::BPF_A;
        let mut value = random;
        let mut rest = program.0[1..].iter();
        while let Some(step) = rest.next() {
            match u32::from(step.code) {
                MODULO => value %= step.k,
                ADD => value += step.k,
                JUMP if value >= step.k => drop(rest.nth(usize::from(step.jt) - 1)),
                JUMP => {}
                ANSWER => return value,
                other => panic!("instruction {other:#x}"),
            }
        }
        panic!("no answer")
    }

    #[test]
    fn every_index_is_chosen_as_often_as_any_other() {
        let sets: [&[u32]; 7] =
            [&[0], &[7], &[0, 1, 2, 3], &[1, 2, 3], &[0, 1, 3], &[0, 2, 4, 6], &[2, 3, 9, 1000]];
        for indices in sets {
            let program = Program::random_among(indices);
            let chosen: Vec<_> = (0..indices.len() as u32).map(|n| run(&program, n)).collect();
            assert_eq!(chosen, indices);
            let again = run(&program, u32::MAX - u32::MAX % indices.len() as u32);
            assert_eq!(again, indices[0]);
        }
    }

    #[test]
    fn programs_are_short() {
        let length = |indices: &[u32]| Program::random_among(indices).0.len();
        let all: Vec<_> = (0..1024).collect();
        assert_eq!(length(&all), 4);
        assert_eq!(length(&[&all[..500], &all[501..]].concat()), 7);
        let every_second: Vec<_> = (0..2700).step_by(2).collect();
        assert!(length(&every_second) <= libc::BPF_MAXINSNS as usize);
    }

    /// The kernel takes the longest program for 1024 sockets, and says what it refused.
    #[test]
    fn the_kernel_takes_long_programs() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let every_second: Vec<_> = (0..1024).step_by(2).collect();
        let program = Program::random_among(&every_second);
        let refused = program.attach(&socket).unwrap_err().to_string();
        assert!(refused.starts_with("SO_ATTACH_REUSEPORT_CBPF: "), "{refused}");
        socket.set_reuse_port(true).unwrap();
        socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        socket.listen(1).unwrap();
        detach_program(&socket).unwrap();
        program.attach(&socket).unwrap();
        program.attach(&socket).unwrap();
        detach_program(&socket).unwrap();
    }
}
