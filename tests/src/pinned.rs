//! Clients that know which worker answers them.

use crate::client::{connect, get_on};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Keep-alive clients that each stay with the worker that they have reached, as long as it lives.
/// The program answers `/who` with a pid, and maybe more behind a space.
pub struct Pinned {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<Option<String>>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    answered: AtomicU64,
    /// Workers whose connections may break.
    doomed: Mutex<BTreeSet<i32>>,
}

impl Pinned {
    /// Starts so many clients.
    #[must_use]
    pub fn start(address: SocketAddr, clients: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let client = |_| {
            let shared = shared.clone();
            std::thread::spawn(move || shared.request(address))
        };
        let clients = (0..clients).map(client).collect();
        Self { shared, clients }
    }

    /// From now on it is no failure to lose a connection to this worker.
    pub fn doom(&self, pid: i32) {
        self.shared.doomed.lock().expect("nobody panics with it").insert(pid);
    }

    /// How many requests were answered so far.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// Stops the clients; what failed, at most once for each.
    #[must_use]
    pub fn stop(self) -> Vec<String> {
        self.shared.stop.store(true, Ordering::Relaxed);
        let failures = self.clients.into_iter().map(|client| client.join().expect("no panic"));
        failures.flatten().collect()
    }
}

impl Shared {
    /// One client, until it is stopped or something fails.
    fn request(&self, address: SocketAddr) -> Option<String> {
        while !self.stop.load(Ordering::Relaxed) {
            if let Some(failure) = self.request_on_one_connection(address) {
                return Some(failure);
            }
        }
        None
    }

    fn request_on_one_connection(&self, address: SocketAddr) -> Option<String> {
        let mut stream = match connect(address) {
            Ok(stream) => stream,
            Err(error) => return Some(format!("connect: {error}")),
        };
        let mut worker = None;
        while !self.stop.load(Ordering::Relaxed) {
            let answer = get_on(&mut stream, "/who").map(|reply| reply.text());
            let pid =
                answer.as_ref().ok().and_then(|text| text.split_whitespace().next()?.parse().ok());
            match (pid, worker) {
                (Some(_), None) => worker = pid,
                (Some(_), Some(_)) if pid == worker => {}
                // Whose connection it was is not known before the first answer.
                (None, None) => return None,
                (None, Some(worker)) if self.is_doomed(worker) => return None,
                _ => return Some(format!("worker {worker:?}: {answer:?}")),
            }
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
        None
    }

    fn is_doomed(&self, pid: i32) -> bool {
        self.doomed.lock().expect("nobody panics with it").contains(&pid)
    }
}
