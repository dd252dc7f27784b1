//! All mistakes of a file are reported in one run.

use runner::{master, server};

struct Api;

#[server(http, bnd = "127.0.0.1:0", workers = 0, user = "bp", user = "root")]
impl Api {
    fn request(&mut self) {}
    async fn recieve(&self) {}
}

struct Echo;

#[server(tcp, bind = "localhost")]
impl Echo {
    async fn receive(&self) {}
    async fn message(&self) {}
}

#[master(servers(Api, Echo), pidfile = "/run/app.pid")]
struct App;
