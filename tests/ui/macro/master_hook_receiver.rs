use runner::master;

struct App;

#[master]
impl App {
    fn start() {}
    fn stop(&mut self) {}
}
