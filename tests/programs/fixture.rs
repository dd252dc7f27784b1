//! The program that the process tests start, signal and kill.

use runner::http;
use runner::prelude::*;
use runner_tests::{Identity, pattern, regain};
use std::process::Child;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;
use tokio::time::sleep;

struct Fixture;

/// Where `preload` has run.
static PRELOADED: OnceLock<u32> = OnceLock::new();

/// What the `start` hook has left running.
static CHILD: OnceLock<Mutex<Child>> = OnceLock::new();

#[master(name = "fixture")]
impl Fixture {
    fn preload(&self) -> Result<()> {
        let _ = PRELOADED.set(std::process::id());
        match std::env::var("FIXTURE_PRELOAD").as_deref() {
            Ok("fail") => Err(Error::msg("told to fail")),
            Ok(_) => {
                println!("hook preload {}", std::process::id());
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    fn start(&self, master: &Master) -> Result<()> {
        println!("hook start {} servers", master.servers().len());
        first_random_number();
        match std::env::var("FIXTURE_START").as_deref() {
            Ok("fail") => Err(Error::msg("told to fail")),
            Ok("command") => {
                let status = std::process::Command::new("sh").args(["-c", "exit 7"]).status()?;
                println!("hook command {:?}", status.code());
                let signals = std::process::Command::new("grep")
                    .args(["SigBlk", "/proc/self/status"])
                    .output()?;
                print!("hook signals {}", String::from_utf8_lossy(&signals.stdout));
                Ok(())
            }
            Ok("child") => {
                let child = std::process::Command::new("sh").args(["-c", "exit 7"]).spawn()?;
                let _ = CHILD.set(Mutex::new(child));
                Ok(())
            }
            Ok("panic") => panic!("told to panic"),
            Ok("thread") => {
                let forever = || std::thread::sleep(Duration::from_secs(600));
                std::thread::Builder::new().name("ticker".to_owned()).spawn(forever)?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn stop(&self) {
        if let Some(child) = CHILD.get() {
            let status = child.lock().expect("nobody panics with it").wait();
            println!("hook child {:?}", status.map(|status| status.code()));
        }
        println!("hook stop");
    }

    fn worker_exit(&self, exit: &WorkerExit) {
        println!("hook worker_exit {} {} {}", exit.server(), exit.slot(), exit.was_asked());
        if std::env::var_os("FIXTURE_EXIT").is_some() {
            panic!("told to panic");
        }
    }
}

struct Web;

#[server(http, bind = "127.0.0.1:0", workers = 2)]
impl Web {
    async fn worker_start(worker: &Worker) -> Result<Self> {
        println!("hook worker_start {} {}", worker.server(), worker.slot());
        fail_as_told(worker).await?;
        Ok(Self)
    }

    async fn request(&self, request: Request, worker: &Worker) -> Result<http::Response> {
        use http::IntoResponse;
        let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or(0);
        let query = request.uri().query();
        Ok(match request.uri().path() {
            "/" => "hello\n".into_response(),
            "/who" => {
                let pid = std::process::id();
                format!("{pid} {} {}\n", worker.slot(), worker.generation()).into_response()
            }
            "/pattern" => patterned(worker, usize::try_from(number(query))?),
            "/ready" => format!("{}\n", worker.is_ready()).into_response(),
            "/slow" => {
                sleep(Duration::from_millis(number(query))).await;
                "slow\n".into_response()
            }
            "/big" => vec![b'x'; usize::try_from(number(query))?].into_response(),
            "/block" => {
                block();
                "blocked\n".into_response()
            }
            "/panic" => panic!("told to panic"),
            "/error" => return Err(Error::msg("told to fail")),
            "/exit" => exit(),
            "/overflow" => format!("{}\n", overflow(1)).into_response(),
            "/regain" => format!("{}\n", regain()).into_response(),
            "/nap" => {
                std::thread::sleep(Duration::from_millis(number(query)));
                "rested\n".into_response()
            }
            "/preloaded" => format!("{:?}\n", PRELOADED.get()).into_response(),
            "/variables" => format!("{}\n", variables_of_the_master()).into_response(),
            "/print" => {
                println!("printed to stdout");
                eprintln!("printed to stderr");
                "printed\n".into_response()
            }
            "/spin" => {
                spin();
                "span\n".into_response()
            }
            "/abort" => {
                abort_deep_down();
                "survived\n".into_response()
            }
            "/random" => format!("{}\n", first_random_number()).into_response(),
            "/number" => {
                println!("number {}", number(query));
                "printed\n".into_response()
            }
            "/orphan" => {
                let script = "sleep 600 </dev/null >/dev/null 2>&1 &";
                std::process::Command::new("sh").args(["-c", script]).status()?;
                "left behind\n".into_response()
            }
            "/eat" => {
                let mebibytes = usize::try_from(number(query))?;
                std::hint::black_box(vec![1_u8; mebibytes << 20].leak());
                "eaten\n".into_response()
            }
            "/stdin" => {
                let mut line = String::new();
                std::io::stdin().read_line(&mut line)?;
                line.into_response()
            }
            _ => http::StatusCode::NOT_FOUND.into_response(),
        })
    }

    async fn error(&self, error: &Error) {
        println!("hook error {error}");
    }

    async fn drain(&self) {
        println!("hook drain");
    }

    async fn worker_stop(&self, worker: &Worker) {
        println!("hook worker_stop {} {}", worker.server(), worker.slot());
        if std::env::var_os("FIXTURE_STOP").is_some() {
            tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_secs(600)));
            tokio::spawn(async {
                loop {
                    sleep(Duration::from_millis(10)).await;
                }
            });
            std::future::pending::<()>().await;
        }
    }
}

struct Echo;

#[server(tcp, bind = "127.0.0.1:0", workers = 1)]
impl Echo {
    async fn worker_start() -> Self {
        Self
    }

    async fn connect(&self, conn: &Conn) {
        println!("tcp connect {}", conn.id());
    }

    /// Commands are single words; anything else comes back.
    async fn receive(&self, conn: &Conn, data: Bytes, worker: &Worker) -> Result<()> {
        match &data[..] {
            b"panic" => panic!("told to panic"),
            b"error" => return Err(Error::msg("told to fail")),
            b"close" => {
                conn.send("bye").await?;
                conn.close();
            }
            b"close_now" => conn.close_now(),
            b"identity" => conn.send(format!("{}\n", identity(worker))).await?,
            b"count" => {
                let open = worker.connections::<Conn>();
                let rest = open.iter().filter(|other| other.id() != conn.id());
                rest.for_each(Conn::close);
                conn.send(format!("{}", open.len())).await?;
            }
            b"pause" => {
                let paused = conn.clone();
                conn.pause();
                conn.send("paused").await?;
                tokio::spawn(async move {
                    sleep(Duration::from_millis(300)).await;
                    let _ = paused.send("resumed").await;
                    paused.resume();
                });
            }
            b"pause worker" => {
                let worker = worker.clone();
                worker.pause();
                conn.send("paused").await?;
                tokio::spawn(async move {
                    sleep(Duration::from_millis(300)).await;
                    worker.resume();
                });
            }
            b"flood" => {
                for sent in 0..64 {
                    if conn.try_send(vec![0; 256 * 1024]).is_err() {
                        println!("tcp full after {sent}");
                        break;
                    }
                }
                conn.close();
            }
            b"slow" => {
                sleep(Duration::from_millis(500)).await;
                conn.send("slow").await?;
            }
            _ => conn.send(data).await?,
        }
        Ok(())
    }

    async fn close(&self, conn: &Conn) {
        println!("tcp close {}", conn.id());
    }

    async fn error(&self, conn: &Conn, error: &Error) {
        println!("tcp error {error}");
        let _ = conn.send("sorry").await;
    }

    async fn connect_full(&self, conn: &Conn) -> Result<()> {
        Ok(conn.send("full").await?)
    }
}

/// An answer that can be checked, and that says who gives it.
fn patterned(worker: &Worker, length: usize) -> http::Response {
    let header = [("identity", identity(worker).to_string())];
    http::IntoResponse::into_response((header, pattern(length)))
}

/// What a client can know of the worker that answers it.
fn identity(worker: &Worker) -> Identity {
    Identity {
        server: worker.server().to_owned(),
        slot: worker.slot(),
        generation: worker.generation(),
        pid: std::process::id().cast_signed(),
    }
}

/// Start failures of all kinds: `FIXTURE_WORKER=KIND`, for every worker, or `KIND GENERATION` for
/// those of one generation and later ones. A file `fixture_worker` takes its place.
async fn fail_as_told(worker: &Worker) -> Result<()> {
    let told =
        std::fs::read_to_string("fixture_worker").or_else(|_| std::env::var("FIXTURE_WORKER"));
    let told = told.unwrap_or_default();
    let (kind, from) = told.trim().split_once(' ').unwrap_or((told.trim(), "1"));
    if worker.generation() < from.parse::<u32>()? {
        return Ok(());
    }
    match kind {
        "error" => Err(Error::msg("no database")),
        "panic" => panic!("told to panic"),
        "abort" => std::process::abort(),
        "sleep" => {
            sleep(Duration::from_secs(60)).await;
            Ok(())
        }
        "block" => {
            std::thread::sleep(Duration::from_secs(60));
            Ok(())
        }
        "held" => {
            while std::fs::exists("fixture_worker")? {
                sleep(Duration::from_millis(5)).await;
            }
            Ok(())
        }
        "configuration" => Err(Error::configuration("no such database")),
        _ => Ok(()),
    }
}

/// How many variables this process has that are for its master alone.
fn variables_of_the_master() -> usize {
    const BEGINNINGS: [&str; 4] = ["RUNNER_HAND", "NOTIFY_", "WATCHDOG_", "LISTEN_"];
    let names = std::env::vars().map(|(name, _)| name);
    names.filter(|name| BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))).count()
}

/// What a handler should not do.
#[expect(clippy::disallowed_methods, reason = "the end of the worker is what is tested")]
fn exit() -> ! {
    std::process::exit(3)
}

/// Never returns, deep down.
fn overflow(depth: u64) -> u64 {
    let page = std::hint::black_box([depth; 512]);
    if page[0] == 0 { 0 } else { overflow(depth + 1) + page[0] }
}

/// Returns after a minute in the kernel.
#[inline(never)]
fn block() {
    println!("blocking");
    std::thread::sleep(Duration::from_secs(60));
}

/// Returns after a minute, and does not wait for anything until then.
#[inline(never)]
fn spin() {
    println!("spinning");
    let began = std::time::Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        std::hint::spin_loop();
    }
}

#[inline(never)]
fn abort_deep_down() {
    std::process::abort();
}

/// The first random number of this thread, every time it is asked for: what it keeps for a random
/// generator is made once, when it is first needed.
fn first_random_number() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    thread_local! {
        static SEED: u64 = RandomState::new().hash_one("seed");
    }
    SEED.with(|seed| *seed)
}
