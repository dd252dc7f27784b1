use runner::server;

#[derive(Default)]
struct Api;

#[server(websocket, bind = "127.0.0.1:0")]
impl Api {
    async fn mesage(&self) {}
}
