use runner::master;

struct App;

#[master]
impl App {
    fn strat(&self) {}
    fn worker_start(&self) {}
    fn upgrade(&self) {}
    const X: u8 = 1;
}
