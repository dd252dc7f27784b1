#[server(tcp, bind = "localhost")]
impl Echo {
    async fn receive(&self) {}
}
