use runner::server;

struct Api;

#[server(http, bind = "127.0.0.1:0")]
impl Default for Api {
    fn default() -> Self {
        Self
    }
}
