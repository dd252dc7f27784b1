#[server(tcp, bind = "127.0.0.1:0", receive_buffer = "64KiB")]
#[cfg(feature = "echo")]
impl Echo {
    async fn receive(&self) {}

    #[cfg(feature = "trace")]
    async fn connect(&self, conn: &Conn) {}
}
