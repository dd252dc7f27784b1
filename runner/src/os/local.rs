//! A socket at a path, for processes of this machine (unix(7)).

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::Uid;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many connections wait to be accepted; more are told to try again.
const BACKLOG: i32 = 16;

/// A socket that listens at a path, for its owner only. Dropping it only closes it, so that a child
/// may; [`remove`](Self::remove) is for its owner.
#[derive(Debug)]
pub(crate) struct LocalListener {
    path: PathBuf,
    socket: UnixListener,
    /// The device and the inode of its file. The kernel gives the inode to no other file while the
    /// socket is open.
    place: (u64, u64),
}

impl LocalListener {
    /// Listens at `path`. A socket that somebody has left behind there is removed; one that
    /// somebody listens on is not, and neither is any other file.
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        let address = SockAddr::unix(path)?;
        make_room(path, &address)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        // The file gets the mode of the socket, less the umask, so it never has another one.
        fchmod(&socket, Mode::S_IRUSR | Mode::S_IWUSR)?;
        socket.bind(&address)?;
        let place = place(path)?;
        socket.listen(BACKLOG)?;
        Ok(Self { path: path.to_owned(), socket: socket.into(), place })
    }

    /// Takes one that the process image before this one has made.
    pub(crate) fn adopt(path: PathBuf, place: (u64, u64), descriptor: OwnedFd) -> Self {
        Self { path, socket: descriptor.into(), place }
    }

    /// The device and the inode of its file.
    pub(crate) fn place(&self) -> (u64, u64) {
        self.place
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
        &self.path
    }

    /// Whether its file is still there.
    pub(crate) fn is_in_place(&self) -> bool {
        place(&self.path).is_ok_and(|there| there == self.place)
    }

    /// Removes the file, unless somebody put another one there.
    pub(crate) fn remove(self) {
        if self.is_in_place() {
            let _ = fs::remove_file(&self.path);
        }
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

/// Removes a socket on which nobody listens.
fn make_room(path: &Path, address: &SockAddr) -> io::Result<()> {
    let there = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        there => there?,
    };
    // The kernel refuses a connection to any file but a socket with the same error.
    if !there.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is there, and no socket"));
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    probe.set_nonblocking(true)?;
    match probe.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        // The queue of one who listens may be full.
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there")),
    }
}

fn place(path: &Path) -> io::Result<(u64, u64)> {
    let there = fs::symlink_metadata(path)?;
    Ok((there.dev(), there.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

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

    #[test]
    fn what_is_left_behind_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        drop(LocalListener::bind(&path(&directory)).unwrap());
        assert!(path(&directory).exists());
        let listener = LocalListener::bind(&path(&directory)).unwrap();
        assert!(listener.is_in_place());
    }

    /// Also with a queue that is full, which looks like nobody to a careless probe (P11).
    #[test]
    fn nobody_who_listens_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let listener = LocalListener::bind(&path(&directory)).unwrap();
        let mut waiting = Vec::new();
        for _ in 0..3 * BACKLOG {
            let error = LocalListener::bind(&path(&directory)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{error}");
            waiting.extend(connect(&path(&directory), Duration::from_millis(1)));
        }
        assert!(waiting.len() < 3 * BACKLOG as usize, "the queue was never full");
        assert!(listener.is_in_place());
    }

    #[test]
    fn other_files_stay() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(path(&directory), "a letter").unwrap();
        let error = LocalListener::bind(&path(&directory)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{error}");
        fs::remove_file(path(&directory)).unwrap();
        std::os::unix::fs::symlink("elsewhere", path(&directory)).unwrap();
        LocalListener::bind(&path(&directory)).unwrap_err();
        assert!(fs::symlink_metadata(path(&directory)).is_ok());
    }

    #[test]
    fn removes_only_its_own_file() {
        let directory = tempfile::tempdir().unwrap();
        let listener = LocalListener::bind(&path(&directory)).unwrap();
        fs::remove_file(path(&directory)).unwrap();
        assert!(!listener.is_in_place());
        fs::write(path(&directory), "somebody else's").unwrap();
        listener.remove();
        assert!(path(&directory).exists());
    }
}
