use runner::server;

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0")]
impl Api {
    async fn close(&self) {}
}

struct Echo;

#[server(tcp, bind = "127.0.0.1:0")]
impl Echo {}
