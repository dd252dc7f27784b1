#[master(servers(A, B), include(handlers), term = "graceful", crate = ::rn)]
impl App {
    fn worker_exit(&self, exit: &WorkerExit) {}
}
