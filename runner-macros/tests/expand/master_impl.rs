#[master(spawn = "exec", control = "/run/app.sock")]
impl App {
    fn preload(&self) -> Result<()> {
        Ok(())
    }

    fn start(&self, master: &Master) -> Result<()> {
        Ok(())
    }

    fn stop(&self) {}

    fn worker_exit(&self, exit: &WorkerExit, master: &Master) {}
}
