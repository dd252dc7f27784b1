//! A tcp server with all its events: it greets, echoes, and turns away whom it has no room for.

use runner::prelude::*;

#[derive(Default)]
struct Echo;

#[server(
    tcp,
    bind = "127.0.0.1:9502",
    workers = 2,
    max_connections = 100,
    receive_buffer = "16KiB"
)]
impl Echo {
    async fn connect(&self, conn: &Conn) -> Result<()> {
        Ok(conn.send(format!("hello {}\n", conn.peer())).await?)
    }

    async fn receive(&self, conn: &Conn, data: Bytes) -> Result<()> {
        conn.send(data.clone()).await?;
        if data.ends_with(b"bye\n") {
            conn.close();
        }
        Ok(())
    }

    async fn close(&self, conn: &Conn, worker: &Worker) {
        let left = worker.connection_count::<Conn>();
        println!("connection {} is closed, {left} are left", conn.id());
    }

    async fn error(&self, conn: &Conn, error: &Error) {
        println!("connection {}: {error}", conn.id());
    }

    async fn connect_full(&self, conn: &Conn) -> Result<()> {
        Ok(conn.send("no room, come back later\n").await?)
    }

    async fn drain(&self, worker: &Worker) {
        for conn in worker.connections::<Conn>() {
            // A client that reads too slowly gets no farewell.
            let _ = conn.try_send("closing\n");
        }
    }
}
