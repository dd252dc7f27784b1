//! A module has the name of the framework.

mod runner {
    #[derive(Default)]
    pub struct Hello;
}

use ::runner::prelude::*;
use self::runner::Hello;

#[server(http, bind = "127.0.0.1:0")]
impl Hello {
    async fn request(&self) -> &'static str {
        "hello"
    }
}

fn main() {}
