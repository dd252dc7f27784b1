//! Programs that start threads before the master forks, in the ways that people do: `THREADS=plain`
//! or an async main.

use runner::prelude::*;
use std::process::ExitCode;

#[derive(Default)]
struct Hello;

#[server(http, bind = "127.0.0.1:0")]
impl Hello {
    async fn request(&self) -> &'static str {
        "hello\n"
    }
}

fn main() -> ExitCode {
    match std::env::var("THREADS").as_deref() {
        Ok("plain") => {
            let thread = std::thread::Builder::new().name("metrics".to_owned());
            let (started, runs) = std::sync::mpsc::channel();
            let forever = move || {
                let _ = started.send(());
                std::thread::park_timeout(std::time::Duration::from_secs(600));
            };
            if thread.spawn(forever).is_err() || runs.recv().is_err() {
                return ExitCode::FAILURE;
            }
            runner::main()
        }
        _ => async_main(),
    }
}

#[tokio::main]
async fn async_main() -> ExitCode {
    runner::main()
}
