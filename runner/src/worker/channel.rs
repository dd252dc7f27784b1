//! What the master sends to a worker: a byte, with descriptors for some of them.

use crate::os::descriptors;
use crate::os::stdio::Stdio;
use crate::server::{Call, Shutdown};
use std::os::fd::OwnedFd;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::mpsc::UnboundedSender;

/// The program stops soon: the worker goes on, and says so to who asks.
pub(crate) const LAME_DUCK: u8 = b'L';
/// Every worker of the server is full: connections beyond the limit are to be taken, and told so.
pub(crate) const REFUSE: u8 = b'F';
/// That is not so any more.
pub(crate) const REFUSE_NOT: u8 = b'R';
/// With listening sockets: what waits in them is to be taken.
pub(crate) const RESCUE: u8 = b'Q';

/// Does what the master sends, whenever it does. Returns when there is no master any more.
pub(super) async fn obey(channel: UnixStream, shutdown: Shutdown, calls: UnboundedSender<Call>) {
    let receive = || descriptors::receive(&channel);
    while let Ok(Some((byte, descriptors))) = channel.async_io(Interest::READABLE, receive).await {
        // A server that has ended has nothing to do any more.
        let call = |call| drop(calls.send(call));
        match byte {
            LAME_DUCK => shutdown.begin_lame_duck(),
            REFUSE => call(Call::Refuse(true)),
            REFUSE_NOT => call(Call::Refuse(false)),
            RESCUE => call(Call::Rescue(descriptors)),
            streams => reopen(&channel, streams, descriptors),
        }
    }
}

/// Takes new files for standard output and error, and tells it.
fn reopen(channel: &UnixStream, streams: u8, files: Vec<OwnedFd>) {
    let taken = Stdio::from_message(streams, files).and_then(|stdio| stdio.redirect());
    let answer = match taken {
        Ok(()) => "REOPENED\n".to_owned(),
        Err(error) => format!("REOPENED {error}\n"),
    };
    // It is a few bytes, and the master always listens; if it is gone, that shows soon.
    let _ = channel.try_write(answer.as_bytes());
}
