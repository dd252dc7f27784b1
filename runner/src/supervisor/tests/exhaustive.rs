//! Every order in which things can happen, for small programs: breadth first, each state once.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::*;
use crate::supervisor::world::World;
use crate::supervisor::world::plan::{Step, patient};

/// One of so many states is followed to a good end.
const SAMPLE: usize = 64;

/// Goes through all orders of so many events, of which so many are commands.
fn explore(begin: World, depth: usize, commands: usize) {
    let sizes: Vec<_> = begin.supervisor.status().map(|server| server.target).collect();
    let mut seen = HashSet::new();
    let mut level = vec![(begin, commands)];
    for left in (0..depth).rev() {
        let mut next = Vec::new();
        for (world, commands) in &level {
            for step in steps(world, *commands > 0) {
                let commands =
                    commands - usize::from(matches!(step, Next::Happens(Step::Command(_))));
                let mut then = world.clone();
                step.happen(&mut then);
                then.done.clear();
                if seen.insert(fingerprint(&then, commands)) {
                    check_ends(&then, seen.len() % SAMPLE == 0);
                    // The last ones are not gone on from.
                    next.extend((left > 0).then_some((then, commands)));
                }
            }
        }
        level = next;
    }
    println!("{sizes:?} workers: {} states in {depth} events", seen.len());
}

/// What can happen next.
#[derive(Clone, Debug)]
enum Next {
    Happens(Step),
    /// The next time has come.
    Timeout(Time),
}

impl Next {
    fn happen(self, world: &mut World) {
        match self {
            Self::Happens(step) => world.step(step),
            Self::Timeout(at) => world.advance(at),
        }
    }
}

fn steps(world: &World, commands: bool) -> Vec<Next> {
    let any = [
        Command::Reload,
        Command::ReloadOnly(vec![0]),
        Command::Restart,
        Command::Stop(Stop::Graceful),
        Command::Scale { server: None, to: Scale::By(1) },
        Command::Scale { server: None, to: Scale::By(-1) },
    ];
    let commands = any.into_iter().filter(|_| commands).map(Step::Command);
    let (all, starting, serving) = world.counts();
    let exits = (0..all).map(|pick| Step::Exit(pick, ExitStatus::Signal(11).into()));
    let starts = (0..starting).flat_map(|pick| [Step::Ready(pick), Step::Fail(pick)]);
    let steps = commands.chain(exits).chain(starts).chain((0..serving).map(Step::Due));
    let timeout = world.supervisor.poll_timeout().map(Next::Timeout);
    steps.map(Next::Happens).chain(timeout).collect()
}

/// From everywhere the program can be stopped, and from some places it is seen to recover.
fn check_ends(world: &World, recover: bool) {
    let mut stopped = world.supervisor.clone();
    stopped.handle(world.now, Event::Command(Command::Stop(Stop::Now)));
    for pid in world.processes.keys() {
        let ending = ExitStatus::Code(0).into();
        stopped.handle(world.now, Event::Exited { pid: Pid(*pid), ending });
    }
    let last = std::iter::from_fn(|| stopped.poll_action()).last();
    assert!(world.finished || matches!(last, Some(Action::Finish { .. })), "{stopped:?}");
    if recover && !world.stopping {
        let mut world = world.clone();
        world.calm_down();
        world.pass(Time::from_secs(30));
        // Its start may have been too late already.
        if !world.stopping {
            world.command(Command::Reload);
            world.pass(Time::from_secs(120));
            world.check_whole();
        }
    }
}

/// Equal for states from which the same follows.
fn fingerprint(world: &World, commands: usize) -> u64 {
    let mut hasher = Relative { now: world.now, seconds: None, inner: DefaultHasher::new() };
    commands.hash(&mut hasher);
    world.supervisor.hash(&mut hasher);
    hasher.finish()
}

/// Hashes moments by how far they are away; all that were long ago are the same. A moment is the
/// number of its seconds followed by that of its nanoseconds, and nothing else is like that.
struct Relative {
    now: Time,
    seconds: Option<u64>,
    inner: DefaultHasher,
}

impl Relative {
    /// How long anything is remembered.
    const AGE: Time = Time::from_secs(5);
}

impl Hasher for Relative {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(number) = self.seconds.take() {
            self.inner.write_u64(number);
        }
        self.inner.write(bytes);
    }

    fn write_u64(&mut self, number: u64) {
        self.write(&[]);
        self.seconds = Some(number);
    }

    fn write_u32(&mut self, number: u32) {
        let Some(seconds) = self.seconds.take() else {
            return self.inner.write_u32(number);
        };
        let moment = Time::new(seconds, number);
        let away =
            if moment == NEVER { NEVER } else { moment.saturating_sub(self.now - Self::AGE) };
        self.inner.write_u128(away.as_nanos());
    }

    fn finish(&self) -> u64 {
        self.inner.finish()
    }
}

fn small(workers: u32) -> ServerSettings {
    let restart_window = Time::from_secs(3);
    let bounds = (1, workers + 1);
    ServerSettings { bounds, max_restarts: Some(2), restart_window, ..patient(workers) }
}

fn cold(servers: &[ServerSettings]) -> World {
    let settings = Settings { jitter_percent: 0, ..Settings::default() };
    World::new(settings, servers, vec![None])
}

fn started(servers: &[ServerSettings]) -> World {
    let mut world = cold(servers);
    world.start();
    world
}

#[test]
fn a_start_of_two_servers() {
    explore(cold(&[small(1), small(2)]), 5, 1);
}

#[test]
fn one_server_of_one_worker() {
    explore(started(&[small(1)]), 6, 3);
}

#[test]
fn one_server_of_two_workers() {
    explore(started(&[small(2)]), 6, 1);
}

#[test]
fn one_server_without_room_for_successors() {
    let (max_surge, max_unavailable) = (Share::Count(0), Share::Count(1));
    explore(started(&[ServerSettings { max_surge, max_unavailable, ..small(2) }]), 6, 1);
}

#[test]
fn a_lame_duck_and_one_that_is_none() {
    let lame_duck = ServerSettings { lame_duck: Time::from_secs(1), ..small(1) };
    explore(started(&[lame_duck, small(1)]), 4, 3);
}

#[test]
fn two_servers_of_two_workers() {
    explore(started(&[small(2), small(2)]), 5, 1);
}
