use runner::prelude::*;

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0")]
impl Api {
    async fn request(&self, _conn: &Conn) {}
}
