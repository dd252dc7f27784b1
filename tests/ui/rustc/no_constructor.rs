use runner::server;

struct Api {
    _hits: u64,
}

#[server(tcp, bind = "127.0.0.1:0")]
impl Api {
    async fn receive(&self) {}
}
