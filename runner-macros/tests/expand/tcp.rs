#[server(tcp, bind = ADDRESS)]
impl crate::Echo {
    async fn receive(&self, conn: &Conn, data: Bytes) -> Result<()> {
        conn.send(data).await
    }

    async fn drain(&self) {}
}
