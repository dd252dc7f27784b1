use runner::prelude::*;

struct App;

#[master]
impl App {
    fn start(&self, _worker: &Worker) {}
}
