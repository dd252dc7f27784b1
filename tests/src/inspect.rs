//! What the kernel tells about processes: identities, signals and descriptors, from `/proc`.

use crate::eventually;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Values of /proc/PID/status, by name.
#[must_use]
pub fn proc_status(pid: i32) -> HashMap<String, String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let pair = |line: &str| line.split_once(':').map(|(k, v)| (k.to_owned(), v.trim().to_owned()));
    status.lines().filter_map(pair).collect()
}

/// A field of /proc/PID/stat, by its number in proc(5), which is 3 or more.
#[must_use]
pub fn stat_field(pid: i32, number: usize) -> Option<i64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    after_name.split_whitespace().nth(number - 3)?.parse().ok()
}

/// A set of signals of /proc/PID/status, such as `SigBlk`; signal 1 is the lowest bit.
#[must_use]
pub fn signal_mask(pid: i32, name: &str) -> u64 {
    let status = proc_status(pid);
    let mask = status.get(name).expect("the process runs");
    u64::from_str_radix(mask, 16).expect("a mask in hexadecimal")
}

/// Whether a process exists and is not a zombie.
#[must_use]
pub fn is_alive(pid: i32) -> bool {
    proc_status(pid).get("State").is_some_and(|state| !state.starts_with(['Z', 'X']))
}

/// What a process is at, as proc(5) names it: `S` sleeps, `T` is stopped, `Z` is a zombie.
#[must_use]
pub fn state_of(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// Whether a process works in a directory, whose path has no links in it; a zombie does not.
#[must_use]
pub fn works_in(pid: i32, directory: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|working| working == directory)
}

/// The processes that work in a directory.
#[must_use]
pub fn processes_in(directory: &Path) -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| works_in(*pid, directory)).collect()
}

/// Waits until a process is gone.
pub fn wait_until_gone(pid: i32, within: Duration) {
    let began = Instant::now();
    eventually(&format!("{pid} is gone"), || (!is_alive(pid)).then_some(()));
    let took = began.elapsed();
    assert!(took <= within, "{pid} took {took:?} to go");
}

/// The command line of a process, which may be a title that it has given itself.
#[must_use]
pub fn title_of(pid: i32) -> Option<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let title = String::from_utf8_lossy(&bytes).replace('\0', " ");
    let title = title.trim_end().to_owned();
    (!title.is_empty()).then_some(title)
}

/// The server in a worker's title, `server slot/generation` and its state. Names may have spaces.
pub(crate) fn server_in(title: &str) -> Option<&str> {
    let (place, rest) = title.rsplit_once('/')?;
    let (server, slot) = place.rsplit_once(' ')?;
    let generation = rest.split(' ').next()?;
    let numbers = slot.parse::<u32>().is_ok() && generation.parse::<u32>().is_ok();
    numbers.then_some(server)
}

/// The children of a process, zombies too.
#[must_use]
pub fn children_of(pid: i32) -> Vec<i32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    children.unwrap_or_default().split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// The threads of a process, the main thread first.
#[must_use]
pub fn threads_of(pid: i32) -> Vec<i32> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let mut threads: Vec<i32> = entries.flatten().filter_map(number).collect();
    threads.sort_by_key(|thread| (*thread != pid, *thread));
    threads
}

/// The file that a process executes.
#[must_use]
pub fn executable_of(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// What the open descriptors of a process refer to: paths, or `socket:[INODE]` and the like.
#[must_use]
pub fn descriptors(pid: i32) -> Vec<(u32, String)> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
    let mut found: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.parse().ok()?;
            let target = fs::read_link(entry.path()).ok()?;
            Some((number, target.to_string_lossy().into_owned()))
        })
        .collect();
    found.sort();
    found
}

/// The inodes of all sockets of a process.
#[must_use]
pub fn sockets(pid: i32) -> BTreeSet<u64> {
    let inode = |(_, target): (u32, String)| {
        let inode = target.strip_prefix("socket:[")?.strip_suffix(']')?;
        inode.parse().ok()
    };
    descriptors(pid).into_iter().filter_map(inode).collect()
}

/// The inodes of the tcp sockets of a process that listen.
#[must_use]
pub fn listeners(pid: i32) -> BTreeSet<u64> {
    listening(pid).into_iter().map(|listener| listener.inode).collect()
}

/// The address that a process listens on; the first, if they are several.
#[must_use]
pub fn listening_address(pid: i32) -> Option<SocketAddr> {
    listening(pid).into_iter().min_by_key(|listener| listener.inode).map(|it| it.address)
}

struct Listening {
    inode: u64,
    address: SocketAddr,
}

/// The IPv4 sockets of a process that listen. See proc_net_tcp(5).
fn listening(pid: i32) -> Vec<Listening> {
    const LISTEN: &str = "0A";
    let own = sockets(pid);
    let Ok(table) = fs::File::open(format!("/proc/{pid}/net/tcp")) else {
        return Vec::new();
    };
    let socket = |line: String| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (address, port) = fields.get(1)?.split_once(':')?;
        let address = u32::from_str_radix(address, 16).ok()?.swap_bytes();
        let port = u16::from_str_radix(port, 16).ok()?;
        let inode = fields.get(9)?.parse().ok()?;
        let address = (Ipv4Addr::from(address), port).into();
        own.contains(&inode).then_some(Listening { inode, address })
    };
    // Those that listen come first. The rest are connections, maybe very many.
    let lines = BufReader::new(table).lines().map_while(Result::ok).skip(1);
    let listening = lines.take_while(|line| line.split_whitespace().nth(3) == Some(LISTEN));
    listening.filter_map(socket).collect()
}
