//! Clients of all kinds, on threads of their own, while something happens to the program.

use crate::PATIENCE;
use crate::buckets::Buckets;
use crate::shapes::{Client, Shape};
use runner::Address;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Clients that request until they are told to stop.
pub struct Crowd {
    stage: Arc<Stage>,
    /// How many of them prepare something and then wait for an event.
    waiting: usize,
    clients: Vec<JoinHandle<Buckets>>,
}

/// What the clients know of what happens, and what is known of them.
#[derive(Default)]
pub(crate) struct Stage {
    scene: Mutex<Scene>,
    changed: Condvar,
    answered: AtomicU64,
}

#[derive(Default)]
struct Scene {
    /// How many events have begun or ended: odd while one is under way.
    moment: u32,
    waiting: usize,
    is_over: bool,
}

/// What a client waits for. None of these prepares itself while an event is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cue {
    /// The next event begins.
    Begin,
    /// The next event has ended.
    End,
}

impl Crowd {
    /// Starts so many clients of each kind.
    #[must_use]
    pub fn gather(members: &[(Shape, &Address, usize)]) -> Self {
        let stage = Arc::new(Stage::default());
        let members = members.iter().flat_map(|member| std::iter::repeat_n(member, member.2));
        let clients = members.clone().zip(0..).map(|((shape, address, _), number)| {
            let client = Client::new(*shape, Address::clone(address), number, stage.clone());
            std::thread::spawn(move || client.run())
        });
        let clients = clients.collect();
        let waiting = members.filter(|(shape, ..)| shape.waits()).count();
        Self { stage, waiting, clients }
    }

    /// Lets an event happen for which all clients have prepared.
    pub fn during<T>(&self, event: impl FnOnce() -> T) -> T {
        self.stage.await_waiting(self.waiting);
        self.stage.step();
        let result = event();
        self.stage.step();
        result
    }

    /// How many requests were answered so far.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.stage.answered.load(Ordering::Relaxed)
    }

    /// Stops the clients; what became of their requests.
    #[must_use]
    pub fn disperse(self) -> Buckets {
        self.stage.scene().is_over = true;
        self.stage.changed.notify_all();
        let mut all = Buckets::default();
        for client in self.clients {
            all.merge(client.join().expect("no client panics"));
        }
        all
    }
}

impl Stage {
    /// Waits for an event, for which the client is prepared, or for the end of it all.
    pub(crate) fn wait_for(&self, cue: Cue) {
        let mut scene = self.scene();
        scene.waiting += 1;
        self.changed.notify_all();
        let due = match cue {
            Cue::Begin => scene.moment + 1,
            Cue::End => scene.moment + 2,
        };
        let mut scene = self.wait_while(scene, |scene| scene.moment < due);
        scene.waiting -= 1;
    }

    /// Waits until no event is under way. Whether that comes before the end of it all.
    pub(crate) fn wait_for_calm(&self) -> bool {
        let scene = self.wait_while(self.scene(), |scene| scene.moment % 2 == 1);
        !scene.is_over
    }

    pub(crate) fn is_over(&self) -> bool {
        self.scene().is_over
    }

    pub(crate) fn answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    fn wait_while<'a>(
        &self,
        scene: MutexGuard<'a, Scene>,
        is_early: impl Fn(&Scene) -> bool,
    ) -> MutexGuard<'a, Scene> {
        let waited = self.changed.wait_while(scene, |scene| is_early(scene) && !scene.is_over);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self) {
        self.scene().moment += 1;
        self.changed.notify_all();
    }

    /// Waits until so many clients wait. One that has given up never does; what made it give up is
    /// told in the end.
    fn await_waiting(&self, count: usize) {
        let began = Instant::now();
        let mut scene = self.scene();
        while scene.waiting < count && began.elapsed() < PATIENCE {
            let waited = self.changed.wait_timeout(scene, Duration::from_secs(1));
            scene = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn scene(&self) -> MutexGuard<'_, Scene> {
        self.scene.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
