//! A program in several versions, which its upgrades go through.
//!
//! What a version is stands behind the executable, after `MARK`: a number, and then words, such as
//! `2 panic` or `3 servers=web,more workers=4`. So another version is another file.

use runner::http::{self, Conn, IntoResponse, Request, Response};
use runner::tcp;
use runner::{App, Error, Hooks, Lifecycle, Result, Server, Worker};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::process::ExitCode;
use std::time::Duration;

/// What a version begins with.
const MARK: &str = "\nversion: ";

/// What a version is, and does wrong.
#[derive(Clone, Debug)]
struct Version {
    number: u32,
    words: Vec<String>,
}

impl Version {
    fn read() -> Self {
        let mut file = File::open("/proc/self/exe").expect("an executable");
        file.seek(SeekFrom::End(-512)).expect("a longer file");
        let mut end = Vec::new();
        file.read_to_end(&mut end).expect("bytes");
        let end = String::from_utf8_lossy(&end);
        let text = end.rsplit_once(MARK).expect("a version").1;
        let mut words = text.split_whitespace().map(str::to_owned);
        let number = words.next().and_then(|number| number.parse().ok()).expect("a number");
        Self { number, words: words.collect() }
    }

    fn is(&self, fault: &str) -> bool {
        self.words.iter().any(|word| word == fault)
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    fn workers(&self) -> u32 {
        self.value("workers").and_then(|count| count.parse().ok()).unwrap_or(2)
    }
}

#[derive(Clone)]
struct Web {
    version: u32,
    worker: Worker,
}

impl Web {
    fn who(&self) -> String {
        let Self { version, worker } = self;
        let pid = std::process::id();
        format!(
            "version {version} pid {pid} slot {} generation {}\n",
            worker.slot(),
            worker.generation()
        )
    }
}

impl Lifecycle for Web {}

impl http::Handler for Web {
    async fn request(&self, request: Request, _: &Conn) -> Response {
        let number = request.uri().query().and_then(|query| query.parse().ok());
        match request.uri().path() {
            "/slow" => tokio::time::sleep(Duration::from_millis(number.unwrap_or(1000))).await,
            "/exit" => std::process::abort(),
            _ => {}
        }
        self.who().into_response()
    }
}

impl tcp::Handler for Web {
    async fn receive(&self, conn: &tcp::Conn, _: bytes::Bytes) -> Result {
        Ok(conn.send(self.who()).await?)
    }
}

/// What a worker does first: what its version does wrong.
async fn start(version: Version, worker: Worker) -> Result<Web> {
    if version.is("worker-error") {
        return Err(Error::msg("no database"));
    }
    if version.is("worker-abort") || (version.is("second-aborts") && worker.slot() == 1) {
        std::process::abort();
    }
    if version.is("worker-hang") {
        std::future::pending::<()>().await;
    }
    Ok(Web { version: version.number, worker })
}

struct Master(Version);

impl Hooks for Master {
    fn preload(&self) -> Result {
        match self.0.is("preload-error") {
            true => Err(Error::msg("nothing to load")),
            false => Ok(()),
        }
    }

    fn start(&self, _: &runner::Master) -> Result {
        println!("hook start version {}", self.0.number);
        match self.0.is("start-error") {
            true => Err(Error::msg("no licence")),
            false => Ok(()),
        }
    }
}

fn main() -> ExitCode {
    let version = Version::read();
    if version.is("panic") {
        panic!("told to panic");
    }
    if version.is("hang") {
        std::thread::sleep(Duration::from_secs(600));
    }
    if version.is("quit") {
        return ExitCode::SUCCESS;
    }
    let mut app = App::new().name("versioned").hooks(Master(version.clone()));
    for name in version.value("servers").unwrap_or("web,raw").split(',') {
        let version = version.clone();
        let workers = version.workers();
        let construct = move |worker| start(version.clone(), worker);
        let server = match name {
            "raw" => Server::tcp_with(construct),
            _ => Server::http_with(construct),
        };
        app = app.server(server.name(name).bind("127.0.0.1:0").workers(workers));
    }
    app.run()
}
