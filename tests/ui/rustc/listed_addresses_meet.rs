use runner::{master, server};

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:8080")]
impl Api {
    async fn request(&self) {}
}

#[derive(Default)]
struct Echo;

#[server(tcp, bind = ["127.0.0.1:8081", "127.0.0.1:8080"])]
impl Echo {
    async fn receive(&self) {}
}

#[master(servers(Api, Echo))]
struct App;
