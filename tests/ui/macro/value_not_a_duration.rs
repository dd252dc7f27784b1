use runner::server;

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0", keep_alive = "30x", drain_timeout = "soon", start_timeout = "99999999999999999999s")]
impl Api {
    async fn request(&self) {}
}
