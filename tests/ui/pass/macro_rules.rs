//! Servers are written by a macro of the program's own.

use runner::prelude::*;

macro_rules! hello {
    ($name:ident, $self_type:ty, $address:expr, $workers:literal, $text:literal) => {
        #[derive(Default)]
        struct $name;

        #[server(http, bind = $address, workers = $workers)]
        impl $self_type {
            async fn request(&self, method: http::Method) -> String {
                format!("{method} {}", $text)
            }
        }
    };
}

mod http {
    pub use axum::http::Method;
}

hello!(First, First, "127.0.0.1:0", 1, "first");
hello!(Second, self::Second, "127.0.0.1:0", 2, "second");

/// Every part of a handler comes from the call.
macro_rules! echo {
    ($name:ident, $event:ident($($argument:tt)*), $output:ident) => {
        #[derive(Default)]
        struct $name;

        #[server(tcp, bind = "127.0.0.1:0")]
        impl $name {
            async fn $event(&self, _data: $($argument)*) -> $output {
                Ok(())
            }

            async fn worker_start(_: &Worker) -> $name {
                $name
            }
        }
    };
}

echo!(Echo, receive(Bytes), Result);

macro_rules! responder {
    ($name:ident, $event:ident($argument:ident)) => {
        #[derive(Default)]
        struct $name;

        #[server(http, bind = "127.0.0.1:0")]
        impl $name {
            async fn $event(&self, _data: $argument) {}
        }
    };
}

responder!(Third, request(Bytes));

fn main() {
    assert_eq!(runner::__private::SERVERS.len(), 4);
}
