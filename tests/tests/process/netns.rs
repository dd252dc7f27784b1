//! Handshakes in flight: the same events in a network in which packets take their time, or get lost.
//! It takes root, a network namespace and tc(8); without them these tests say that they are skipped.

use crate::doomed::Doomed;
use crate::losses::{go_on, reload, servers_with, times};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;
use runner::Address;
use runner_tests::{Crowd, Program, Shape, connect, eventually, is_alive};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// How to make packets late, by what the kernel can do. The second way is a link so slow that they
/// queue as long as that when all clients are at work.
const SLOW: [&str; 2] = [
    "tc qdisc replace dev lo root netem delay 50ms",
    "tc qdisc replace dev lo root tbf rate 800kbit burst 3000 limit 1000000",
];

/// Loses all packets.
const DEAD: &str = "tc qdisc replace dev lo root pfifo limit 0";

/// For how long packets get lost: by far less than those of a handshake take to come again, which is
/// a second (RFC 6298, 2.1), so that none is lost twice.
const OUTAGE: Duration = Duration::from_millis(300);

/// What a handshake takes at least: one round trip.
const HANDSHAKE: Duration = Duration::from_millis(30);

const CLIENTS: [(Shape, usize); 3] =
    [(Shape::PerRequest, 40), (Shape::Busy, 4), (Shape::IdleShortly, 8)];

/// A slot that is taken out still gets those who were on their way to it, and answers them (P3).
#[test]
fn handshakes_in_flight_survive_fewer_workers() {
    in_a_slow_network(|_, program, crowd| {
        // Fewer in the end: nobody comes who would answer what has been left.
        for workers in ["3", "4"].into_iter().cycle().take(2 * times(1) + 1) {
            crowd.during(|| {
                let scale = program.verb(&["scale", "web", workers]);
                assert_eq!(scale.code, Some(0), "{}", scale.text());
            });
            go_on(crowd, 100);
        }
        Doomed::default()
    });
}

/// So do those whose packets get lost just then, when they come again.
#[test]
fn lost_packets_survive_fewer_workers() {
    in_a_slow_network(|network, program, crowd| {
        crowd.during(|| {
            network.is(DEAD);
            program.signal(Signal::SIGTTOU);
            let began = Instant::now();
            program.wait_for("by_load=false");
            while began.elapsed() < OUTAGE {
                thread::park_timeout(OUTAGE.saturating_sub(began.elapsed()));
            }
            network.is_slow();
            eventually("it is gone", || (program.workers_of("web").len() == 3).then_some(()));
        });
        go_on(crowd, 100);
        Doomed::default()
    });
}

#[test]
fn handshakes_in_flight_survive_reloads() {
    in_a_slow_network(|_, program, crowd| {
        for generation in 2..=3 {
            crowd.during(|| reload(program, generation));
            go_on(crowd, 50);
        }
        Doomed::default()
    });
}

/// Those that have not arrived are not lost with the worker that they were to arrive at (P1).
#[test]
fn handshakes_in_flight_survive_a_killed_worker() {
    in_a_slow_network(|_, program, crowd| {
        let victim = program.workers_of("web").swap_remove(0);
        let doomed = crowd.during(|| {
            Doomed::by(&[victim], |victim| {
                victim[0].signal(Signal::SIGKILL);
                eventually("it is gone", || (!is_alive(victim[0].pid)).then_some(()));
            })
        });
        program.wait_for_workers(4 + 1, 1);
        go_on(crowd, 100);
        doomed
    });
}

/// A network namespace of the calling thread and of what it starts. It goes with the last of them,
/// so that nothing can be left behind.
struct Network {
    slow: &'static str,
}

/// Lets something happen to a program whose clients are far away, and asserts that nothing is lost
/// but what it may cost.
fn in_a_slow_network(event: impl FnOnce(&Network, &Program, &Crowd) -> Doomed + Send) {
    let test = || {
        let Some(network) = Network::enter() else {
            println!("skipped: this takes root, a network namespace and tc");
            return;
        };
        let program = servers_with(4, "slots").spawn().ready();
        program.wait_for_workers(4 + 1, 1);
        let web = Address::Ip(program.address("web"));
        let crowd = Crowd::gather(&CLIENTS.map(|(shape, count)| (shape, &web, count)));
        eventually("handshakes take their time", || {
            let began = Instant::now();
            connect(program.address("web")).expect("a listener");
            (began.elapsed() > HANDSHAKE).then_some(())
        });
        let doomed = event(&network, &program, &crowd);
        let buckets = crowd.disperse();
        println!("{}:\n{buckets}", network.slow);
        buckets.assert_only("slow network", |_, failure| doomed.permits(failure));
        assert_eq!(program.stop(Signal::SIGTERM).code, Some(0));
    };
    // A thread cannot leave a namespace again, and this one may have other tests to run.
    let ended = thread::scope(|scope| scope.spawn(test).join());
    ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

impl Network {
    /// The calling thread enters a new one, if it may and can.
    fn enter() -> Option<Self> {
        unshare(CloneFlags::CLONE_NEWNET).ok()?;
        // Packets of ordinary size, as a slow link takes no larger ones.
        run("ip link set lo mtu 1500 up").then_some(())?;
        let slow = SLOW.into_iter().find(|slow| run(slow))?;
        Some(Self { slow })
    }

    fn is_slow(&self) {
        self.is(self.slow);
    }

    fn is(&self, discipline: &str) {
        assert!(run(discipline), "{discipline}");
    }
}

/// Whether a command succeeds.
fn run(command: &str) -> bool {
    let mut words = command.split(' ');
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).output().is_ok_and(|output| output.status.success())
}
