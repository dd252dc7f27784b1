//! What the master sends to a worker: new files for its standard output and error.

use crate::os::descriptors;
use crate::os::stdio::Stdio;
use tokio::io::Interest;
use tokio::net::UnixStream;

/// Takes the files that the master sends, whenever it does, and tells it. Returns when there is no
/// master any more.
pub(super) async fn obey(channel: UnixStream) {
    let receive = || descriptors::receive(&channel);
    while let Ok(Some((byte, files))) = channel.async_io(Interest::READABLE, receive).await {
        let taken = Stdio::from_message(byte, files).and_then(|stdio| stdio.redirect());
        let answer = match taken {
            Ok(()) => "REOPENED\n".to_owned(),
            Err(error) => format!("REOPENED {error}\n"),
        };
        // It is a few bytes, and the master always listens; if it is gone, that shows above.
        let _ = channel.try_write(answer.as_bytes());
    }
}
