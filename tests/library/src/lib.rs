//! A server in a library: a program that links it serves it.

use runner::prelude::*;

/// Echoes what it receives.
#[derive(Default)]
pub struct Distant;

#[server(tcp, bind = "127.0.0.1:0")]
impl Distant {
    async fn receive(&self, conn: &Conn, data: Bytes) {
        let _ = (conn, data);
    }
}
