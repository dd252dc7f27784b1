//! A service manager, as far as a program hears of one: sd_notify(3).

use crate::{PATIENCE, Start};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg, sockopt::set_socket_passcred,
};
use std::cell::RefCell;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use tempfile::TempDir;

/// A socket that plays systemd.
pub struct Systemd {
    socket: UnixDatagram,
    name: String,
    heard: RefCell<Vec<Notice>>,
    _directory: TempDir,
}

/// One message to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Who has said it, as the kernel tells.
    pub pid: i32,
    /// `NAME=value`
    pub lines: Vec<String>,
}

impl Systemd {
    /// Listens at a path.
    #[must_use]
    pub fn at_a_path() -> Self {
        Self::new(|path| (path.display().to_string(), UnixDatagram::bind(path)))
    }

    /// Listens on a name without a file.
    #[must_use]
    pub fn without_a_file() -> Self {
        Self::new(|path| {
            let name = path.display().to_string();
            let address = SocketAddr::from_abstract_name(&name).expect("a short name");
            (format!("@{name}"), UnixDatagram::bind_addr(&address))
        })
    }

    fn new(listen: impl FnOnce(&Path) -> (String, std::io::Result<UnixDatagram>)) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (name, socket) = listen(&directory.path().join("notify"));
        let socket = socket.expect("a free address");
        set_socket_passcred(&socket, true).expect("a unix socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Self { socket, name, heard: RefCell::default(), _directory: directory }
    }

    /// What `NOTIFY_SOCKET` is to be for it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Lets a program know it.
    #[must_use]
    pub fn start(&self, start: Start) -> Start {
        start.env("NOTIFY_SOCKET", &self.name)
    }

    /// Lets its queue fill up, with `noise`.
    pub fn fill(&self) {
        let address = self.socket.local_addr().expect("an address");
        let filler = UnixDatagram::unbound().expect("a socket");
        filler.set_nonblocking(true).expect("a socket");
        while filler.send_to_addr(b"noise", &address).is_ok() {}
    }

    /// Waits for a message with a line that begins so, among those that nobody has waited for, and
    /// returns it.
    pub fn wait_for(&self, line: &str) -> Notice {
        loop {
            let notice = self.hear().unwrap_or_else(|| {
                panic!("waited too long for `{line}`, heard {:#?}", self.heard.borrow())
            });
            if notice.lines.iter().any(|said| said.starts_with(line)) {
                return notice;
            }
        }
    }

    /// All messages so far, those that wait as well.
    #[must_use]
    pub fn heard(&self) -> Vec<Notice> {
        self.socket.set_nonblocking(true).expect("a socket");
        while self.hear().is_some() {}
        self.socket.set_nonblocking(false).expect("a socket");
        self.heard.borrow().clone()
    }

    fn hear(&self) -> Option<Notice> {
        let mut bytes = [0; 8192];
        let mut buffers = [IoSliceMut::new(&mut bytes)];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let length =
            recvmsg(&self.socket, &mut buffers, &mut control, RecvFlags::empty()).ok()?.bytes;
        let pid = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmCredentials(sender) => Some(sender.pid.as_raw_nonzero().get()),
            _ => None,
        })?;
        let text = String::from_utf8(bytes[..length].to_vec()).expect("text");
        let notice = Notice { pid, lines: text.lines().map(str::to_owned).collect() };
        self.heard.borrow_mut().push(notice.clone());
        Some(notice)
    }
}

impl Notice {
    /// The value of a line.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        let mut lines = self.lines.iter().filter_map(|line| line.split_once('='));
        lines.find_map(|(own, value)| (own == name).then_some(value))
    }

    /// Whether it has this line.
    #[must_use]
    pub fn says(&self, line: &str) -> bool {
        self.lines.iter().any(|said| said == line)
    }
}
