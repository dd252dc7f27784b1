use runner::server;

#[derive(Default)]
struct Api;

#[server(tcp, bind = "127.0.0.1:0", keep_alive = "5s")]
impl Api {
    async fn receive(&self) {}
}

struct Web;

#[server(http, bind = "127.0.0.1:0", receive_buffer = 1024)]
impl Web {
    async fn request(&self) {}
}
