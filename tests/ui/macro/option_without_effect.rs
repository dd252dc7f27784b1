use runner::server;

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0", tls(cert = "a.pem", key = "b.pem"))]
impl Api {
    async fn request(&self) {}
}
