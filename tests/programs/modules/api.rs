use runner::prelude::*;
use std::net::SocketAddr;

#[derive(Default)]
pub(crate) struct Api;

#[server(http, bind = ["127.0.0.1:0", "[::1]:0"], workers = auto, header_timeout = "500ms")]
impl Api {
    async fn request(&self, peer: SocketAddr, request: Request) -> String {
        format!("{} from {peer}\n", request.uri())
    }
}
