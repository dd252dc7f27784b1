use runner::server;

#[server(http, bind = "127.0.0.1:0")]
async fn api() {}
