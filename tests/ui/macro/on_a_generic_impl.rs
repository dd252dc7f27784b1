use runner::server;

struct Api<T>(T);

#[server(http, bind = "127.0.0.1:0")]
impl<T> Api<T> {
    async fn request(&self) {}
}
