use runner::Address;
use runner::prelude::*;

#[derive(Default)]
pub(crate) struct Api;

#[server(http, bind = ["127.0.0.1:0", "[::1]:0"], workers = auto, header_timeout = "500ms")]
impl Api {
    async fn request(&self, peer: Address, request: Request) -> String {
        format!("{} from {peer}\n", request.uri())
    }
}
