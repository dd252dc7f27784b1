use runner::master;

struct App;

#[master]
impl App {
    async fn start(&self) {}
}
