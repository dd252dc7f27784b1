#[master(servers(), bind = "127.0.0.1:0", umask = 27, control = 3)]
impl App {
    fn preload(&self, master: &Master) {}
    async fn start(&self) {}
    fn stop(&mut self) {}
    fn receive(&self) {}
    fn worker_exits(&self) {}
}
