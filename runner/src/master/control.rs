//! The control socket: who is connected, and how far each is. Nothing here blocks, and everything
//! has a limit. What requests mean is not known here.

use super::goal::Wish;
use crate::control::protocol::{REQUEST_MAX, Request, error_line};
use crate::os::local::{self, LocalListener};
use crate::supervisor::Time;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// How many may be connected at the same time.
const CLIENTS_MAX: usize = 16;

/// How long a client may take to send its request, and to read the answer.
const CLIENT_PATIENCE: Time = Time::from_secs(10);

/// How long nobody is accepted after that has failed, for want of descriptors or memory.
const ACCEPT_PAUSE: Time = Time::from_secs(1);

/// A client, as long as it is connected.
pub(super) type ClientId = u64;

/// The control socket and those that are connected to it.
#[derive(Debug)]
pub(super) struct Control {
    listener: LocalListener,
    clients: Vec<Client>,
    next: ClientId,
    /// Nobody is accepted before.
    deaf_until: Option<Time>,
}

/// One connection: a request, and an answer.
#[derive(Debug)]
struct Client {
    id: ClientId,
    stream: UnixStream,
    phase: Phase,
    /// When it is given up.
    until: Time,
}

#[derive(Debug)]
enum Phase {
    /// It sends its request. This has come of it.
    Asking(Vec<u8>),
    /// Its request is under way.
    Waiting(Option<Wish>),
    /// This is left to send of its answer.
    Answered(Vec<u8>),
}

impl Control {
    pub(super) fn new(listener: LocalListener) -> Self {
        Self { listener, clients: Vec::new(), next: 0, deaf_until: None }
    }

    /// Takes the socket, and the one client who waits, from the process image before this one.
    pub(super) fn adopt(
        listener: LocalListener,
        client: Option<UnixStream>,
    ) -> (Self, Option<ClientId>) {
        let id = 0;
        let wait = |stream| Client { id, stream, phase: Phase::Waiting(None), until: Time::MAX };
        let clients: Vec<_> = client.into_iter().map(wait).collect();
        let waiting = clients.first().map(|client| client.id);
        (Self { listener, clients, next: id + 1, deaf_until: None }, waiting)
    }

    pub(super) fn listener(&self) -> &LocalListener {
        &self.listener
    }

    /// The connection of a client who waits, if it is still there.
    pub(super) fn stream(&self, id: ClientId) -> Option<&UnixStream> {
        self.clients.iter().find(|client| client.id == id).map(|client| &client.stream)
    }

    /// Refuses all clients but one, for nobody else is taken along into another process image.
    pub(super) fn keep_only(&mut self, id: Option<ClientId>, reason: &str) {
        self.clients.retain(|client| {
            let kept = Some(client.id) == id;
            if !kept && !matches!(client.phase, Phase::Answered(_)) {
                refuse(&client.stream, reason);
            }
            kept
        });
    }

    /// Accepts who has come, and returns the requests that are complete. Each of these clients is
    /// to be given an answer or made to wait.
    pub(super) fn take_requests(&mut self, now: Time) -> Vec<(ClientId, Result<Request, String>)> {
        self.accept(now);
        let mut requests = Vec::new();
        self.clients.retain_mut(|client| match &mut client.phase {
            Phase::Asking(line) => match read_line(&client.stream, line) {
                Progress::Pending => true,
                Progress::Done(request) => {
                    requests.push((client.id, request));
                    client.phase = Phase::Waiting(None);
                    true
                }
                Progress::Gone => false,
            },
            Phase::Waiting(_) => !has_hung_up(&client.stream),
            Phase::Answered(rest) => write_rest(&client.stream, rest),
        });
        requests
    }

    /// Makes a client wait for its answer.
    pub(super) fn expect(&mut self, id: ClientId, wish: Wish, until: Time) {
        if let Some(client) = self.clients.iter_mut().find(|client| client.id == id) {
            client.phase = Phase::Waiting(Some(wish));
            client.until = until;
        }
    }

    /// Answers a client, if it is still there.
    pub(super) fn answer(&mut self, id: ClientId, answer: String, now: Time) {
        let Some(index) = self.clients.iter().position(|client| client.id == id) else {
            return;
        };
        let client = &mut self.clients[index];
        let mut rest = answer.into_bytes();
        if write_rest(&client.stream, &mut rest) {
            client.phase = Phase::Answered(rest);
            client.until = now.saturating_add(CLIENT_PATIENCE);
        } else {
            self.clients.swap_remove(index);
        }
    }

    /// Gives up those whose time is over, but for those that wait for a goal.
    pub(super) fn expire(&mut self, now: Time) {
        self.deaf_until.take_if(|until| *until <= now);
        self.clients
            .retain(|client| now < client.until || matches!(client.phase, Phase::Waiting(Some(_))));
    }

    /// Makes the file of the socket anew if somebody has removed it. Returns whether that was so.
    pub(super) fn ensure(&mut self) -> io::Result<bool> {
        if self.listener.is_in_place() {
            return Ok(false);
        }
        self.listener = LocalListener::bind(self.listener.path())?;
        Ok(true)
    }

    /// Tells those that wait for an answer that none will come, and removes the file.
    pub(super) fn close(self, reason: &str) {
        for client in &self.clients {
            if !matches!(client.phase, Phase::Answered(_)) {
                refuse(&client.stream, reason);
            }
        }
        self.listener.remove();
    }

    /// Those that wait for a goal, and until when.
    pub(super) fn wishes(&self) -> impl Iterator<Item = (ClientId, &Wish, Time)> {
        self.clients.iter().filter_map(|client| match &client.phase {
            Phase::Waiting(Some(wish)) => Some((client.id, wish, client.until)),
            _ => None,
        })
    }

    /// What to wait for in poll(2).
    pub(super) fn descriptors(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let listener = (self.listener.as_fd(), PollFlags::POLLIN);
        let clients = self.clients.iter().map(|client| {
            let events = match client.phase {
                Phase::Asking(_) => PollFlags::POLLIN,
                // The end of a connection is always told.
                Phase::Waiting(_) => PollFlags::empty(),
                Phase::Answered(_) => PollFlags::POLLOUT,
            };
            (client.stream.as_fd(), events)
        });
        self.deaf_until.is_none().then_some(listener).into_iter().chain(clients)
    }

    /// When somebody is to be given up, or accepted again.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.clients.iter().map(|client| client.until).chain(self.deaf_until).min()
    }

    fn accept(&mut self, now: Time) {
        // Whoever comes after these is accepted the next time.
        for _ in 0..CLIENTS_MAX {
            let stream = match self.listener.accept() {
                Ok(Some(stream)) => stream,
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a control connection");
                    self.deaf_until = Some(now.saturating_add(ACCEPT_PAUSE));
                    return;
                }
            };
            if !local::is_trusted(&stream) {
                refuse(&stream, "only the user of the master and root may control it");
            } else if self.clients.len() == CLIENTS_MAX {
                refuse(&stream, "too many control connections; try again later");
            } else {
                let (id, phase) = (self.next, Phase::Asking(Vec::new()));
                let until = now.saturating_add(CLIENT_PATIENCE);
                self.clients.push(Client { id, stream, phase, until });
                self.next += 1;
            }
        }
    }
}

enum Progress<T> {
    Pending,
    Done(T),
    Gone,
}

/// Reads on until there is a whole request. The end of what a client sends ends the line as well.
fn read_line(mut stream: &UnixStream, line: &mut Vec<u8>) -> Progress<Result<Request, String>> {
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) if line.is_empty() => return Progress::Gone,
            Ok(0) => return Progress::Done(Request::parse(line)),
            Ok(length) => line.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Progress::Pending,
            Err(_) => return Progress::Gone,
        }
        if let Some(end) = line.iter().position(|byte| *byte == b'\n') {
            return Progress::Done(Request::parse(&line[..end]));
        }
        if line.len() > REQUEST_MAX {
            let message = format!("a request of more than {REQUEST_MAX} bytes");
            return Progress::Done(Err(message));
        }
    }
}

/// Writes on; false when nothing is left to be written, or nobody reads it.
fn write_rest(mut stream: &UnixStream, rest: &mut Vec<u8>) -> bool {
    while !rest.is_empty() {
        match stream.write(rest) {
            Ok(length) => drop(rest.drain(..length)),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
    false
}

/// Says no to somebody who has got no answer yet, and so has room for a line.
fn refuse(mut stream: &UnixStream, reason: &str) {
    let _ = stream.write(error_line(reason).as_bytes());
}

/// Whether nobody is at the other end any more. One that only sends no more still reads.
fn has_hung_up(stream: &UnixStream) -> bool {
    let mut descriptor = [PollFd::new(stream.as_fd(), PollFlags::empty())];
    let polled = poll(&mut descriptor, PollTimeout::ZERO);
    polled.is_err() || descriptor[0].any().unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::super::goal::Goal;
    use super::*;
    use crate::control::protocol::ANSWER_MAX;
    use std::io::{BufRead, BufReader};
    use tempfile::TempDir;

    const START: Time = Time::from_secs(1_000);

    /// A socket in a directory of its own, and the way to it.
    fn listening() -> (TempDir, Control) {
        let directory = tempfile::tempdir().unwrap();
        let listener = LocalListener::bind(&directory.path().join("app.control")).unwrap();
        (directory, Control::new(listener))
    }

    fn connect(control: &Control) -> UnixStream {
        let stream = local::connect(control.listener.path(), CLIENT_PATIENCE).unwrap();
        stream.set_read_timeout(Some(CLIENT_PATIENCE)).unwrap();
        stream
    }

    /// What a client gets before the connection ends.
    fn answer_to(stream: UnixStream) -> String {
        let mut line = String::new();
        let _ = BufReader::new(stream).read_line(&mut line);
        line
    }

    /// A request may come in pieces, and ends with its line or with all that is sent.
    #[test]
    fn requests_come_as_they_come() {
        let (_directory, mut control) = listening();
        let mut pieces = connect(&control);
        let mut ended = connect(&control);
        let line = Request::Status.line();
        let (head, tail) = line.split_at(7);
        pieces.write_all(head.as_bytes()).unwrap();
        ended.write_all(line.trim_end().as_bytes()).unwrap();
        ended.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(control.take_requests(START), [(1, Ok(Request::Status))]);
        pieces.write_all(tail.as_bytes()).unwrap();
        assert_eq!(control.take_requests(START), [(0, Ok(Request::Status))]);
        control.answer(0, "zero\n".to_owned(), START);
        control.answer(1, "one\n".to_owned(), START);
        assert_eq!((answer_to(pieces), answer_to(ended)), ("zero\n".into(), "one\n".into()));
        assert_eq!((control.clients.len(), control.deadline()), (0, None));
    }

    #[test]
    fn a_request_has_a_length() {
        let (_directory, mut control) = listening();
        let mut client = connect(&control);
        client.set_nonblocking(true).unwrap();
        let mut requests = Vec::new();
        for _ in 0..100 {
            let _ = client.write(&[b'x'; 4096]);
            requests.extend(control.take_requests(START));
        }
        assert_eq!(requests, [(0, Err("a request of more than 65536 bytes".to_owned()))]);
    }

    #[test]
    fn one_too_many_is_refused() {
        let (_directory, mut control) = listening();
        let mut clients = Vec::new();
        for _ in 0..CLIENTS_MAX {
            clients.push(connect(&control));
            assert_eq!(control.take_requests(START), []);
        }
        let late = connect(&control);
        control.take_requests(START);
        assert!(answer_to(late).contains("too many control connections"));
        clients.pop();
        control.take_requests(START);
        let mut later = connect(&control);
        later.write_all(Request::Why.line().as_bytes()).unwrap();
        assert_eq!(control.take_requests(START), [(16, Ok(Request::Why))]);
    }

    #[test]
    fn nobody_may_be_slow() {
        let (_directory, mut control) = listening();
        let silent = connect(&control);
        let mut deaf = connect(&control);
        deaf.write_all(Request::Why.line().as_bytes()).unwrap();
        assert_eq!(control.take_requests(START), [(1, Ok(Request::Why))]);
        control.answer(1, "x".repeat(ANSWER_MAX), START);
        let end = START + CLIENT_PATIENCE;
        assert_eq!(control.deadline(), Some(end));
        control.expire(end - Time::from_millis(1));
        assert_eq!(control.clients.len(), 2);
        control.expire(end);
        assert_eq!(control.clients.len(), 0);
        assert_eq!(answer_to(silent), "");
        let mut got = Vec::new();
        deaf.read_to_end(&mut got).unwrap();
        assert!(got.len() < ANSWER_MAX, "all was sent, so nobody was slow");
    }

    /// Who waits is waited for, however long, unless nobody is there any more.
    #[test]
    fn who_has_gone_is_forgotten() {
        let (_directory, mut control) = listening();
        let wish = Wish::from(Goal::Reload { generation: 2 });
        let mut clients = Vec::new();
        for id in 0..3 {
            let mut client = connect(&control);
            client.write_all(Request::Reload.line().as_bytes()).unwrap();
            control.take_requests(START);
            control.expect(id, wish.clone(), START + Time::from_secs(60));
            clients.push(client);
        }
        clients[1].shutdown(std::net::Shutdown::Write).unwrap();
        drop(clients.remove(0));
        control.take_requests(START);
        control.expire(START + Time::from_secs(61));
        let waiting: Vec<_> = control.wishes().map(|(client, ..)| client).collect();
        assert_eq!(waiting, [1, 2]);
        control.close("over");
        for client in clients {
            assert_eq!(answer_to(client), error_line("over"));
        }
    }

    /// The file is made anew when it is gone (P57), and whoever is connected stays so.
    #[test]
    fn the_socket_comes_back() {
        let (_directory, mut control) = listening();
        let mut early = connect(&control);
        control.take_requests(START);
        assert!(!control.ensure().unwrap());
        std::fs::remove_file(control.listener.path()).unwrap();
        assert!(control.ensure().unwrap());
        let mut late = connect(&control);
        for client in [&mut early, &mut late] {
            client.write_all(Request::Why.line().as_bytes()).unwrap();
        }
        let asking: Vec<_> = control.take_requests(START).iter().map(|(id, _)| *id).collect();
        assert_eq!(asking, [0, 1]);
    }
}
