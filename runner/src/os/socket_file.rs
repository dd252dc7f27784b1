//! The file of a unix socket (unix(7)): nobody can connect before it has its owner and mode, no
//! socket that somebody listens on is taken away, and only its owner removes it.

use nix::sys::stat::{FchmodatFlags, Mode, fchmod, fchmodat};
use serde::{Deserialize, Serialize};
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, lchown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// How long to wait for somebody else who begins or ends to listen in the same directory. Each of
/// them takes far less than a millisecond.
const LOCK_PATIENCE: Duration = Duration::from_millis(200);
const LOCK_PAUSE: Duration = Duration::from_millis(1);

/// Who may connect: whoever may write to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// Permission bits, whatever the umask.
    pub(crate) mode: u32,
    /// None: the user of this process.
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
}

/// The file of a socket that this process listens on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SocketFile {
    path: PathBuf,
    device: u64,
    /// The kernel gives it to no other file while the socket is open.
    inode: u64,
}

/// Listens at `path`. A socket that somebody has left behind there is removed; one that somebody
/// listens on is not ([`AddrInUse`](io::ErrorKind::AddrInUse)), and neither is any other file.
pub(crate) fn listen(
    path: &Path,
    access: Access,
    backlog: u32,
) -> io::Result<(Socket, SocketFile)> {
    let address = SockAddr::unix(path)?;
    let _lock = lock_directory(path);
    make_room(path, &address)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // The file gets the mode of the socket, less the umask, and so never allows too much.
    fchmod(&socket, Mode::from_bits_truncate(access.mode))?;
    socket.bind(&address)?;
    let file = SocketFile::at(path)?;
    // Until it listens, whoever connects is refused.
    let listens = file.allow(access).and_then(|()| listen_on(&socket, backlog));
    match listens {
        Ok(()) => Ok((socket, file)),
        Err(error) => {
            file.remove_if_in_place();
            Err(error)
        }
    }
}

/// Lets so many connections wait; more of them wait in `connect` or are told to try again.
pub(crate) fn listen_on(socket: &Socket, backlog: u32) -> io::Result<()> {
    socket.listen(backlog.try_into().unwrap_or(i32::MAX))
}

impl Access {
    /// For the user of this process, and root.
    pub(crate) const PRIVATE: Self = Self { mode: 0o600, uid: None, gid: None };
}

impl SocketFile {
    fn at(path: &Path) -> io::Result<Self> {
        let there = fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_owned(), device: there.dev(), inode: there.ino() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is still there, and no other file.
    pub(crate) fn is_in_place(&self) -> bool {
        Self::at(&self.path).is_ok_and(|there| there == *self)
    }

    /// Gives it its owner and mode.
    pub(crate) fn allow(&self, access: Access) -> io::Result<()> {
        let Access { mode, uid, gid } = access;
        if uid.is_some() || gid.is_some() {
            lchown(&self.path, uid, gid).map_err(cannot("give it to its owner"))?;
        }
        if fs::symlink_metadata(&self.path)?.mode() & 0o777 != mode {
            let mode = Mode::from_bits_truncate(mode);
            fchmodat(nix::fcntl::AT_FDCWD, &self.path, mode, FchmodatFlags::NoFollowSymlink)
                .map_err(|error| cannot("set its mode")(error.into()))?;
        }
        Ok(())
    }

    /// Removes it, unless somebody put another one there.
    pub(crate) fn remove(&self) {
        let _lock = lock_directory(&self.path);
        self.remove_if_in_place();
    }

    fn remove_if_in_place(&self) {
        if self.is_in_place() {
            let _ = fs::remove_file(&self.path);
        }
    }
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

/// Keeps others of our kind from the files of the directory meanwhile: two that find the same stale
/// socket would remove it both, the second one that of the first, and one that is bound and does
/// not listen yet looks stale.
///
/// Where the directory cannot be read, or somebody holds it for purposes of their own, there is no
/// lock; it is then as it is with all programs that do not lock at all.
fn lock_directory(path: &Path) -> Option<File> {
    let directory = File::open(path.parent()?).ok()?;
    let deadline = Instant::now() + LOCK_PATIENCE;
    while directory.try_lock().is_err() {
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(LOCK_PAUSE);
    }
    Some(directory)
}

fn cannot(what: &'static str) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("cannot {what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixStream;
    use std::sync::Barrier;

    fn mode_of(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn listen_at(path: &Path) -> io::Result<(Socket, SocketFile)> {
        listen(path, Access::PRIVATE, 4)
    }

    #[test]
    fn the_mode_is_exact_whatever_the_umask() {
        let directory = tempfile::tempdir().unwrap();
        for mode in [0o600, 0o660, 0o666, 0o777, 0o622] {
            let path = directory.path().join(format!("{mode:o}"));
            let (_socket, file) = listen(&path, Access { mode, ..Access::PRIVATE }, 1).unwrap();
            assert_eq!(mode_of(&path), mode, "{mode:o}");
            file.allow(Access { mode: 0o620, ..Access::PRIVATE }).unwrap();
            assert_eq!(mode_of(&path), 0o620, "{mode:o}");
        }
    }

    #[test]
    fn who_cannot_give_it_away_leaves_nothing_behind() {
        if nix::unistd::Uid::effective().is_root() {
            println!("skipped: root can give files away");
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.sock");
        let error = listen(&path, Access { uid: Some(0), ..Access::PRIVATE }, 1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}");
        assert!(!path.exists());
    }

    #[test]
    fn root_gives_it_to_its_owner() {
        if !nix::unistd::Uid::effective().is_root() {
            println!("skipped: this takes root");
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.sock");
        let access = Access { mode: 0o660, uid: Some(1234), gid: Some(2345) };
        let (_socket, file) = listen(&path, access, 1).unwrap();
        let there = fs::symlink_metadata(&path).unwrap();
        assert_eq!((there.uid(), there.gid(), mode_of(&path)), (1234, 2345, 0o660));
        assert!(file.is_in_place());
    }

    #[test]
    fn what_is_left_behind_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.sock");
        let (socket, old) = listen_at(&path).unwrap();
        drop(socket);
        assert!(path.exists());
        let (_socket, new) = listen_at(&path).unwrap();
        assert!(new.is_in_place());
        drop(old);
    }

    /// Also with a queue that is full, which looks like nobody to a careless probe (P11, M7).
    #[test]
    fn nobody_who_listens_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.sock");
        let (_socket, file) = listen_at(&path).unwrap();
        let address = SockAddr::unix(&path).unwrap();
        let mut waiting = Vec::new();
        let mut was_full = false;
        for _ in 0..12 {
            let error = listen_at(&path).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{error}");
            let client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
            client.set_nonblocking(true).unwrap();
            was_full |= client.connect(&address).is_err();
            waiting.push(client);
        }
        assert!(was_full);
        assert!(file.is_in_place());
    }

    #[test]
    fn other_files_stay() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.sock");
        fs::write(&path, "a letter").unwrap();
        let error = listen_at(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{error}");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("elsewhere", &path).unwrap();
        listen_at(&path).unwrap_err();
        assert!(fs::symlink_metadata(&path).is_ok());
    }

    /// A successor that took the path over meanwhile keeps it (P23).
    #[test]
    fn only_the_own_file_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.sock");
        let (_old_socket, old) = listen_at(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(!old.is_in_place());
        let (_new_socket, new) = listen_at(&path).unwrap();
        old.remove();
        assert!(new.is_in_place());
        UnixStream::connect(&path).unwrap();
        new.remove();
        assert!(!path.exists());
    }

    /// Of many that find a stale socket at the same moment, one gets its place and keeps it.
    #[test]
    fn of_simultaneous_starts_one_wins() {
        const STARTERS: usize = 8;
        let directory = tempfile::tempdir().unwrap();
        for round in 0..50 {
            let path = directory.path().join(round.to_string());
            drop(listen_at(&path).unwrap());
            let barrier = Barrier::new(STARTERS);
            let winners: Vec<_> = thread::scope(|scope| {
                let start = || {
                    barrier.wait();
                    listen_at(&path).ok()
                };
                let starters: Vec<_> = (0..STARTERS).map(|_| scope.spawn(start)).collect();
                starters.into_iter().filter_map(|starter| starter.join().unwrap()).collect()
            });
            assert_eq!(winners.len(), 1, "round {round}");
            assert!(winners[0].1.is_in_place());
        }
    }
}
