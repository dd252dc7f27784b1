//! The events of a worker.

use super::event;
use crate::server::Worker;

event! {
    /// `worker_start`: the handler is made.
    pub struct WorkerStart<'a> { worker: &'a Worker }
    pub trait FromWorkerStart:
        "a `worker_start` handler cannot take an argument of type `{Self}`",
        "available: `&Worker`";
    &'a Worker => |event| event.worker;
}

event! {
    /// `service`: the service that answers requests is made.
    pub struct Service<'a> { worker: &'a Worker }
    pub trait FromService:
        "a `service` handler cannot take an argument of type `{Self}`",
        "available: `&Worker`";
    &'a Worker => |event| event.worker;
}

event! {
    /// `drain`: the worker has begun to drain.
    pub struct Drain<'a> { worker: &'a Worker }
    pub trait FromDrain:
        "a `drain` handler cannot take an argument of type `{Self}`",
        "available: `&Worker`";
    &'a Worker => |event| event.worker;
}

event! {
    /// `worker_stop`: the worker is about to exit.
    pub struct WorkerStop<'a> { worker: &'a Worker }
    pub trait FromWorkerStop:
        "a `worker_stop` handler cannot take an argument of type `{Self}`",
        "available: `&Worker`";
    &'a Worker => |event| event.worker;
}
