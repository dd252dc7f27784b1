//! `#[cfg]` on a handler and on a whole server.

use runner::prelude::*;

#[derive(Default)]
struct Echo;

#[server(tcp, bind = "127.0.0.1:0")]
impl Echo {
    #[cfg(all())]
    async fn receive(&self) {}

    #[cfg(any())]
    async fn connect(&self, nonsense: Nonsense) {}
}

#[server(tcp, bind = "127.0.0.1:0")]
#[cfg(any())]
impl Nonsense {
    async fn receive(&self) {}
}

fn main() {
    assert_eq!(runner::__private::SERVERS.len(), 1);
}
