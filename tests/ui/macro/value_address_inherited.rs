use runner::server;

#[derive(Default)]
struct Api;

#[server(http, bind = ["fd:3", "systemd:http"])]
impl Api {
    async fn request(&self) {}
}
