//! A tcp server without state.

use runner::prelude::*;

#[derive(Default)]
pub(crate) struct Echo;

#[server(tcp, bind = "127.0.0.1:9504", workers = 2)]
impl Echo {
    async fn receive(&self, conn: &Conn, data: Bytes) -> Result<()> {
        Ok(conn.send(data).await?)
    }
}
