//! The hooks of the master.

use super::event;
use crate::hooks::{Master, WorkerExit};

event! {
    /// `start`: every server is READY.
    pub struct Start<'a> { master: &'a Master }
    pub trait FromStart:
        "a `start` hook cannot take an argument of type `{Self}`",
        "available: `&Master`";
    &'a Master => |event| event.master;
}

event! {
    /// `stop`: every worker is gone.
    pub struct Stop<'a> { master: &'a Master }
    pub trait FromStop:
        "a `stop` hook cannot take an argument of type `{Self}`",
        "available: `&Master`";
    &'a Master => |event| event.master;
}

event! {
    /// `worker_exit`: a worker process has ended.
    pub struct Exit<'a> { master: &'a Master, exit: &'a WorkerExit }
    pub trait FromExit:
        "a `worker_exit` hook cannot take an argument of type `{Self}`",
        "available: `&WorkerExit`, `&Master`";
    &'a Master => |event| event.master;
    &'a WorkerExit => |event| event.exit;
}
