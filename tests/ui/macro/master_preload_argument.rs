use runner::{Master, master};

struct App;

#[master]
impl App {
    fn preload(&self, _master: &Master) {}
}
