use runner::server;

#[derive(Default)]
struct Api;

#[server(tcp, bind = "127.0.0.1:0")]
impl Api {
    async fn receive<T>(&self, _data: T)
    where
        T: Send,
    {
    }

    async fn close<'a>(&'a self) {}

    async fn connect<const N: usize>(&self) {}
}
