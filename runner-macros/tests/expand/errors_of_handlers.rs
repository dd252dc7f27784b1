#[server(tcp, bind = "127.0.0.1:0")]
impl Echo {
    const LIMIT: usize = 10;

    fn recieve(&self) {}

    fn connect(&mut self) {}

    async fn close<T>(&self, conn: impl Conn) {}

    async fn message(&self) {}

    async fn worker_start(&self) {}

    async fn drain() {}

    macro_call!();

    async fn worker_exit(&self) {}
}
