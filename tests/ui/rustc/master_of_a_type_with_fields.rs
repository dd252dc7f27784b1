use runner::master;

struct App {
    _name: String,
}

#[master]
impl App {
    fn start(&self) {}
}
