//! Which process listens on an address, as far as this one may see: from the tables in `/proc`
//! (proc_net_tcp(5), proc_pid_fd(5)).

use std::collections::BTreeSet;
use std::fmt;
use std::fs;

/// A process that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pid: i32,
    name: String,
}

/// Who listens on the port, on any address.
pub(crate) fn of_port(port: u16) -> Option<Holder> {
    const LISTEN: &str = "0A";
    let port = format!(":{port:04X}");
    let mut inodes = BTreeSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in fs::read_to_string(table).unwrap_or_default().lines() {
            let fields: Vec<_> = line.split_whitespace().take(10).collect();
            if let [_, address, _, LISTEN, .., inode] = fields[..]
                && address.ends_with(&port)
            {
                inodes.insert(inode.to_owned());
            }
        }
    }
    find(&inodes)
}

/// Who listens on the unix socket, whose name begins with `@` if it is abstract.
pub(crate) fn of_unix_socket(name: &str) -> Option<Holder> {
    /// `__SO_ACCEPTCON` of the kernel.
    const LISTENS: &str = "00010000";
    let end = format!(" {name}");
    let mut inodes = BTreeSet::new();
    for line in fs::read_to_string("/proc/net/unix").unwrap_or_default().lines() {
        let fields: Vec<_> = line.split_whitespace().take(7).collect();
        if let [_, _, _, LISTENS, _, _, inode] = fields[..]
            && line.ends_with(&end)
        {
            inodes.insert(inode.to_owned());
        }
    }
    find(&inodes)
}

/// The process with the lowest pid that has one of these sockets: the master rather than a worker.
fn find(inodes: &BTreeSet<String>) -> Option<Holder> {
    if inodes.is_empty() {
        return None;
    }
    let entries = fs::read_dir("/proc").ok()?.flatten();
    let mut pids: Vec<i32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    let pid = pids.into_iter().find(|pid| {
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        descriptors.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|target| {
            let inode = target.to_str().and_then(|target| target.strip_prefix("socket:["));
            inode.and_then(|inode| inode.strip_suffix(']')).is_some_and(|it| inodes.contains(it))
        })
    })?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim_end().to_owned();
    Some(Holder { pid, name })
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, pid {}", self.name.escape_debug(), self.pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, SockAddr, Socket, Type};
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    #[test]
    fn it_is_found_by_what_it_listens_on() {
        let own = Some(std::process::id().cast_signed());
        let pid = |holder: Option<Holder>| holder.map(|holder| holder.pid);
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            assert_eq!(pid(of_port(listener.local_addr().unwrap().port())), own);
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("with a space");
        let name = path.to_str().unwrap();
        assert_eq!(of_unix_socket(name), None);
        let _listener = UnixListener::bind(&path).unwrap();
        assert_eq!(pid(of_unix_socket(name)), own);
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        socket.bind(&SockAddr::unix(format!("\0{name}")).unwrap()).unwrap();
        assert_eq!(of_unix_socket(&format!("@{name}")), None);
        socket.listen(1).unwrap();
        assert_eq!(pid(of_unix_socket(&format!("@{name}"))), own);
    }
}
