#[master]
impl App {
    fn start(&self, master: &Master) -> Result<()> {
        Ok(())
    }

    fn stop(&self) {}

    fn worker_exit(&self, exit: &WorkerExit, master: &Master) {}
}
