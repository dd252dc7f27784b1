//! How clients behave.

use crate::buckets::{Buckets, Failure, Outcome, pattern};
use crate::crowd::{Cue, Stage};
use crate::exchange::Connection;
use runner::Address;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// After so many failures a client gives up.
const FAILURES_MAX: usize = 500;

/// The body of an ordinary answer.
const SMALL: usize = 64;

/// The body of an answer that does not fit into the buffers of both sides.
const LARGE: usize = 8 << 20;

/// What a client that asks for it takes of it before the event.
const TASTE: usize = 64 << 10;

/// How many requests are sent at once.
const PIPELINED: usize = 4;

/// Up to how long after the beginning of an event those ask who have waited for it: less than an
/// idle connection is left open in a drain.
const SOON_MS: u64 = 200;

/// A pause within the head of a request: longer than an idle connection is left open in a drain.
const PAUSE: Duration = Duration::from_millis(700);

/// A kind of client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A connection for each request.
    PerRequest,
    /// Request after request on one connection, as long as it lasts.
    Busy,
    /// A request before the event, another one soon after it has begun.
    IdleShortly,
    /// A request before the event, another one after it; on a new connection when the old one was
    /// closed meanwhile.
    IdleLong,
    /// Connects before the event and asks soon after it has begun.
    Silent,
    /// The head of a request in two halves, with the beginning of the event between them.
    HalfSent,
    /// A large answer, most of which is read after the event has begun.
    Large,
    /// Several requests at once, again and again.
    Pipelined,
    /// A tcp connection for each exchange.
    Tcp,
    /// Exchange after exchange on one tcp connection.
    TcpBusy,
}

/// One client.
pub(crate) struct Client {
    shape: Shape,
    /// What it is called in tables.
    name: String,
    address: Address,
    number: u64,
    stage: Arc<Stage>,
    buckets: Buckets,
}

impl Shape {
    /// Its name in tables; that of a client of a unix socket has `, unix` behind it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PerRequest => "connection per request",
            Self::Busy => "keep-alive busy",
            Self::IdleShortly => "keep-alive idle shortly",
            Self::IdleLong => "keep-alive idle long",
            Self::Silent => "just connected",
            Self::HalfSent => "half-sent request",
            Self::Large => "large response",
            Self::Pipelined => "pipelined",
            Self::Tcp => "tcp",
            Self::TcpBusy => "tcp busy",
        }
    }

    /// Whether it waits for events.
    pub(crate) fn waits(self) -> bool {
        matches!(
            self,
            Self::IdleShortly | Self::IdleLong | Self::Silent | Self::HalfSent | Self::Large
        )
    }
}

impl Client {
    pub(crate) fn new(shape: Shape, address: Address, number: u64, stage: Arc<Stage>) -> Self {
        let family = if address.is_unix() { ", unix" } else { "" };
        let name = format!("{}{family}", shape.name());
        Self { shape, name, address, number, stage, buckets: Buckets::default() }
    }

    /// Requests until everything is over, or too much has failed.
    pub(crate) fn run(mut self) -> Buckets {
        while !self.stage.is_over() && self.buckets.failures() < FAILURES_MAX {
            if let Err(failure) = self.connect_and_ask() {
                self.buckets.failed(&self.name, failure);
            }
        }
        self.buckets
    }

    /// What it does with one connection.
    fn connect_and_ask(&mut self) -> Result<(), Failure> {
        if self.shape.waits() && !self.stage.wait_for_calm() {
            return Ok(());
        }
        let mut connection = Connection::open(&self.address)?;
        match self.shape {
            Shape::PerRequest => {
                connection.send(request(SMALL, "Connection: close\r\n"))?;
                self.answer(&mut connection, SMALL)?;
                connection.end()
            }
            Shape::Busy => self.ask_on(&mut connection),
            Shape::Pipelined => self.pipeline_on(&mut connection),
            Shape::IdleShortly => {
                self.ask(&mut connection)?;
                self.ask_shortly(&mut connection)
            }
            Shape::IdleLong => self.ask_after_the_event(connection),
            Shape::Silent => self.ask_shortly(&mut connection),
            Shape::HalfSent => self.ask_in_halves(&mut connection),
            Shape::Large => self.ask_for_much(&mut connection),
            Shape::Tcp => self.ask_plainly(&mut connection),
            Shape::TcpBusy => {
                while !self.stage.is_over() {
                    self.ask_plainly(&mut connection)?;
                }
                Ok(())
            }
        }
    }

    fn ask_on(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        while !self.stage.is_over() {
            if self.ask(connection)? {
                return connection.end();
            }
        }
        Ok(())
    }

    /// What is not answered before an announced close is asked again, on a new connection.
    fn pipeline_on(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        while !self.stage.is_over() {
            connection.send(request(SMALL, "").repeat(PIPELINED))?;
            for _ in 0..PIPELINED {
                if self.answer(connection, SMALL)? {
                    return connection.end();
                }
            }
        }
        Ok(())
    }

    /// Waits until an event has begun, and then for another while than the other clients.
    fn ask_shortly(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        self.stage.wait_for(Cue::Begin);
        dawdle(Duration::from_millis(self.number * 67 % SOON_MS));
        self.ask(connection).map(drop)
    }

    /// A connection that was closed meanwhile is told of, and the request sent again.
    fn ask_after_the_event(&mut self, mut connection: Connection) -> Result<(), Failure> {
        self.ask(&mut connection)?;
        self.stage.wait_for(Cue::End);
        match self.ask(&mut connection) {
            Err(failure) if failure.outcome == Outcome::ClosedReused => {
                self.buckets.failed(&self.name, failure);
                self.ask(&mut Connection::open(&self.address)?).map(drop)
            }
            asked => asked.map(drop),
        }
    }

    /// The second request of a connection is in halves, so that it is known whose it is.
    fn ask_in_halves(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        self.ask(connection)?;
        let request = request(SMALL, "");
        let (first, second) = request.split_at(request.len() / 2);
        connection.send(first)?;
        self.stage.wait_for(Cue::Begin);
        dawdle(PAUSE);
        connection.send(second)?;
        self.answer(connection, SMALL).map(drop)
    }

    fn ask_for_much(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        connection.send(request(LARGE, ""))?;
        connection.head(LARGE)?;
        let (taste, rest) = pattern(LARGE).split_at(TASTE);
        connection.body(taste)?;
        self.stage.wait_for(Cue::Begin);
        connection.body(rest)?;
        self.count();
        Ok(())
    }

    fn ask_plainly(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        connection.send("identity")?;
        connection.line()?;
        self.count();
        Ok(())
    }

    /// Whether the answer is the last one on this connection.
    fn ask(&mut self, connection: &mut Connection) -> Result<bool, Failure> {
        connection.send(request(SMALL, ""))?;
        self.answer(connection, SMALL)
    }

    fn answer(&mut self, connection: &mut Connection, length: usize) -> Result<bool, Failure> {
        let closes = connection.answer(length)?;
        self.count();
        Ok(closes)
    }

    fn count(&mut self) {
        self.buckets.answered(&self.name);
        self.stage.answered();
    }
}

fn request(length: usize, header: &str) -> String {
    format!("GET /pattern?{length} HTTP/1.1\r\nHost: test\r\n{header}\r\n")
}

/// Lets time pass between two actions of a client that is slow on purpose.
fn dawdle(time: Duration) {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}
