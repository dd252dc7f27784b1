//! One server at two addresses: a unix socket, for a proxy on the same machine whose group may connect, and TCP.
//!
//! `curl --unix-socket unix_socket.sock http://localhost/`

use runner::Address;
use runner::prelude::*;

#[derive(Default)]
struct Local;

#[server(http, bind = ["127.0.0.1:9510", "./unix_socket.sock"], mode = "660", workers = 2)]
impl Local {
    async fn request(&self, client: Address) -> String {
        if client.is_unix() {
            "hello, neighbour\n".to_owned()
        } else {
            format!("hello, {client}\n")
        }
    }
}
