use runner::prelude::*;

#[derive(Default)]
pub(crate) struct Echo;

#[server(tcp, bind = "127.0.0.1:0", name = "echo", accept = "slots")]
impl Echo {
    async fn receive(&self, conn: &Conn, data: Bytes) -> Result<()> {
        let _ = (conn, data);
        Ok(())
    }
}
