//! A socket at a path, for processes of this machine (unix(7)).

use super::socket_file::{self, Access, SocketFile};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Uid;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

/// How many connections wait to be accepted; more are told to try again.
const BACKLOG: u32 = 16;

/// A socket that listens at a path, for its owner only. Dropping it only closes it, so that a child
/// may; [`remove`](Self::remove) is for its owner.
#[derive(Debug)]
pub(crate) struct LocalListener {
    socket: UnixListener,
    file: SocketFile,
}

impl LocalListener {
    /// Listens at `path`. A socket that somebody has left behind there is removed; one that
    /// somebody listens on is not, and neither is any other file.
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        let (socket, file) = socket_file::listen(path, Access::PRIVATE, BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket: socket.into(), file })
    }

    /// Takes one that the process image before this one has made.
    pub(crate) fn adopt(file: SocketFile, descriptor: OwnedFd) -> Self {
        Self { socket: descriptor.into(), file }
    }

    pub(crate) fn file(&self) -> &SocketFile {
        &self.file
    }

    /// The next connection, if one is waiting. Nothing of it blocks.
    pub(crate) fn accept(&self) -> io::Result<Option<UnixStream>> {
        match self.socket.accept() {
            Ok((stream, _)) => stream.set_nonblocking(true).map(|()| Some(stream)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Whether its file is still there.
    pub(crate) fn is_in_place(&self) -> bool {
        self.file.is_in_place()
    }

    /// Removes the file, unless somebody put another one there.
    pub(crate) fn remove(self) {
        self.file.remove();
    }
}

impl AsFd for LocalListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Connects to whoever listens at `path`; waits that long for room in its queue.
pub(crate) fn connect(path: &Path, patience: Duration) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // It also limits the time to connect (socket(7)).
    socket.set_write_timeout(Some(patience))?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(socket.into())
}

/// Whether the process at the other end belongs to the user of this one, or to root.
pub(crate) fn is_trusted(stream: &UnixStream) -> bool {
    getsockopt(stream, PeerCredentials)
        .is_ok_and(|peer| peer.uid() == 0 || peer.uid() == Uid::effective().as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    fn path(directory: &tempfile::TempDir) -> PathBuf {
        directory.path().join("app.pid.sock")
    }

    #[test]
    fn the_file_is_for_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let listener = LocalListener::bind(&path(&directory)).unwrap();
        let mode = fs::metadata(path(&directory)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{mode:o}");
        let client = connect(&path(&directory), Duration::from_secs(5)).unwrap();
        let accepted = listener.accept().unwrap().expect("the client");
        assert!(is_trusted(&accepted) && is_trusted(&client));
        assert!(listener.accept().unwrap().is_none());
        listener.remove();
        assert!(!path(&directory).exists());
    }
}
