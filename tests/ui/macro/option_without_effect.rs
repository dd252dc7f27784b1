use runner::server;

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0", lame_duck = "5s", tls(cert = "a.pem", key = "b.pem"), accept = "shared")]
impl Api {
    async fn request(&self) {}
}
