use runner::server;

#[derive(Default)]
struct Api;

#[server(tcp, bind = "127.0.0.1:0", receive_buffer = "64 kilobytes")]
impl Api {
    async fn receive(&self) {}
}
