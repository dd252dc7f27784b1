//! The one table of kinds, their events, and what each event passes and returns.

/// A kind of server.
pub(crate) struct Kind {
    /// As it is written in the attribute.
    pub(crate) name: &'static str,
    /// With its article, for messages.
    pub(crate) a_server: &'static str,
    pub(crate) events: &'static [Event],
    /// One of these must be there.
    pub(crate) required: &'static [&'static str],
    /// The constructor of the builder; `None` while the runtime cannot serve this kind.
    pub(crate) constructor: Option<&'static str>,
    /// An address, for messages.
    pub(crate) address: &'static str,
}

/// An event of a server, or a hook of the master.
pub(crate) struct Event {
    pub(crate) name: &'static str,
    /// A complete signature, for messages.
    pub(crate) usage: &'static str,
    pub(crate) role: Role,
}

/// What generated code does with an event.
pub(crate) enum Role {
    /// `worker_start`: makes the handler.
    Constructor,
    /// `service`: makes the service that answers requests.
    Service,
    /// Answers a request; its arguments are extracted from it.
    Request,
    /// Implements a method of a trait of the runtime.
    Method(Method),
    /// `preload`: implements a method of `Hooks`, and takes nothing.
    Preload,
    /// The runtime does not know it yet.
    Planned,
}

/// A method of a trait of the runtime.
pub(crate) struct Method {
    pub(crate) owner: Owner,
    /// The module and the type, below `__private::arguments`, that carries the arguments.
    pub(crate) source: (&'static str, &'static str),
    /// The parameters of the method: fields of the source.
    pub(crate) parameters: &'static [Parameter],
    pub(crate) returns: Returns,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Handler,
    Lifecycle,
    Hooks,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parameter {
    /// `conn: &Conn` of the server's kind.
    Conn,
    /// `data: Bytes`, moved into the last argument that takes it.
    Data,
    /// `error: &Error`.
    Error,
    /// `worker: &Worker`.
    Worker,
    /// `master: &Master`.
    Master,
    /// `exit: &WorkerExit`.
    Exit,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Returns {
    /// Nothing, or a result.
    Result,
    /// A response.
    Response,
}

use Owner::{Handler, Hooks, Lifecycle};
use Parameter::{Conn, Data, Error, Exit, Master, Worker};

const fn method(
    name: &'static str,
    usage: &'static str,
    owner: Owner,
    source: (&'static str, &'static str),
    parameters: &'static [Parameter],
) -> Event {
    let returns = Returns::Result;
    Event { name, usage, role: Role::Method(Method { owner, source, parameters, returns }) }
}

const fn planned(name: &'static str, usage: &'static str) -> Event {
    Event { name, usage, role: Role::Planned }
}

const WORKER_START: Event = Event {
    name: "worker_start",
    usage: "async fn worker_start(worker: &Worker) -> Result<Self>",
    role: Role::Constructor,
};
const DRAIN: Event = method(
    "drain",
    "async fn drain(&self, worker: &Worker)",
    Lifecycle,
    ("lifecycle", "Drain"),
    &[Worker],
);
const WORKER_STOP: Event = method(
    "worker_stop",
    "async fn worker_stop(&self, worker: &Worker)",
    Lifecycle,
    ("lifecycle", "WorkerStop"),
    &[Worker],
);

const CONNECT: &str = "async fn connect(&self, conn: &Conn)";
const CLOSE: &str = "async fn close(&self, conn: &Conn)";
const ERROR: &str = "async fn error(&self, conn: &Conn, error: &Error)";
const CONNECT_FULL: &str = "async fn connect_full(&self, conn: &Conn)";
const RECEIVE: &str = "async fn receive(&self, conn: &Conn, data: Bytes) -> Result<()>";
const REQUEST: &str = "async fn request(&self, request: Request) -> impl IntoResponse";

static HTTP: Kind = Kind {
    name: "http",
    a_server: "an http server",
    events: &[
        Event { name: "request", usage: REQUEST, role: Role::Request },
        Event {
            name: "service",
            usage: "async fn service(&self) -> axum::Router",
            role: Role::Service,
        },
        method("connect", CONNECT, Handler, ("http", "Connect"), &[Conn]),
        method("close", CLOSE, Handler, ("http", "Close"), &[Conn]),
        method("error", ERROR, Handler, ("http", "Failure"), &[Conn, Error]),
        Event {
            name: "connect_full",
            usage: "async fn connect_full(&self, conn: &Conn) -> impl IntoResponse",
            role: Role::Method(Method {
                owner: Handler,
                source: ("http", "ConnectFull"),
                parameters: &[Conn],
                returns: Returns::Response,
            }),
        },
        WORKER_START,
        DRAIN,
        WORKER_STOP,
    ],
    required: &["request", "service"],
    constructor: Some("http_with"),
    address: "127.0.0.1:9501",
};

static TCP: Kind = Kind {
    name: "tcp",
    a_server: "a tcp server",
    events: &[
        method("receive", RECEIVE, Handler, ("tcp", "Receive"), &[Conn, Data]),
        method("connect", CONNECT, Handler, ("tcp", "Connect"), &[Conn]),
        method("close", CLOSE, Handler, ("tcp", "Close"), &[Conn]),
        method("error", ERROR, Handler, ("tcp", "Failure"), &[Conn, Error]),
        method("connect_full", CONNECT_FULL, Handler, ("tcp", "ConnectFull"), &[Conn]),
        WORKER_START,
        DRAIN,
        WORKER_STOP,
    ],
    required: &["receive"],
    constructor: Some("tcp_with"),
    address: "127.0.0.1:9502",
};

static WEBSOCKET: Kind = Kind {
    name: "websocket",
    a_server: "a websocket server",
    events: &[
        planned("message", "async fn message(&self, conn: &Conn, message: Message)"),
        planned("open", "async fn open(&self, conn: &Conn)"),
        planned("ping", "async fn ping(&self, conn: &Conn)"),
        planned("pong", "async fn pong(&self, conn: &Conn)"),
        planned("close", CLOSE),
        planned("error", ERROR),
        planned("connect_full", CONNECT_FULL),
        planned("request", REQUEST),
        WORKER_START,
        DRAIN,
        WORKER_STOP,
    ],
    required: &["message"],
    constructor: None,
    address: "127.0.0.1:9503",
};

static UNIX: Kind = Kind {
    name: "unix",
    a_server: "a unix server",
    events: &[
        planned("receive", RECEIVE),
        planned("connect", CONNECT),
        planned("close", CLOSE),
        planned("error", ERROR),
        planned("connect_full", CONNECT_FULL),
        WORKER_START,
        DRAIN,
        WORKER_STOP,
    ],
    required: &["receive"],
    constructor: None,
    address: "/run/app.sock",
};

static UDP: Kind = Kind {
    name: "udp",
    a_server: "a udp server",
    events: &[
        planned("receive", "async fn receive(&self, peer: SocketAddr, data: Bytes) -> Result<()>"),
        planned("error", "async fn error(&self, error: &Error)"),
        WORKER_START,
        DRAIN,
        WORKER_STOP,
    ],
    required: &["receive"],
    constructor: None,
    address: "127.0.0.1:9504",
};

/// Every kind, the ones that can be served first.
pub(crate) static KINDS: [&Kind; 5] = [&HTTP, &TCP, &WEBSOCKET, &UNIX, &UDP];

/// The hooks of the master.
pub(crate) static HOOKS: [Event; 4] = [
    Event { name: "preload", usage: "fn preload(&self)", role: Role::Preload },
    method("start", "fn start(&self, master: &Master)", Hooks, ("master", "Start"), &[Master]),
    method("stop", "fn stop(&self, master: &Master)", Hooks, ("master", "Stop"), &[Master]),
    method(
        "worker_exit",
        "fn worker_exit(&self, exit: &WorkerExit)",
        Hooks,
        ("master", "Exit"),
        &[Master, Exit],
    ),
];

/// The parameters of events that have no method: the worker, for the constructor and the service.
pub(crate) const WORKER_START_SOURCE: (&str, &str) = ("lifecycle", "WorkerStart");
pub(crate) const SERVICE_SOURCE: (&str, &str) = ("lifecycle", "Service");

impl Kind {
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        KINDS.into_iter().find(|kind| kind.name == name)
    }

    pub(crate) fn available(&self) -> bool {
        self.constructor.is_some()
    }

    pub(crate) fn event(&self, name: &str) -> Option<&'static Event> {
        find(self.events(), name)
    }

    pub(crate) fn event_names(&self) -> impl Iterator<Item = &'static str> {
        self.events().iter().map(|event| event.name)
    }

    fn events(&self) -> &'static [Event] {
        self.events
    }
}

/// The event of that name.
pub(crate) fn find(events: &'static [Event], name: &str) -> Option<&'static Event> {
    events.iter().find(|event| event.name == name)
}
