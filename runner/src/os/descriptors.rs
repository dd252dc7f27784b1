//! Open files on their way to another process (`SCM_RIGHTS`, unix(7)). Who gets one needs no
//! permission for it.

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How many can go with one message.
pub(crate) const DESCRIPTORS_MAX: usize = 8;

/// Sends a byte and up to [`DESCRIPTORS_MAX`] descriptors over a unix stream, whole or not at all. Never waits:
/// when the receiver has not taken many earlier ones, it fails.
pub(crate) fn send(stream: impl AsFd, byte: u8, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    sendmsg(stream, &[IoSlice::new(&[byte])], &mut control, flags)?;
    Ok(())
}

/// Receives a byte with its descriptors, which are close-on-exec; none at the end of the stream.
/// Never waits. There are fewer descriptors than were sent when this process may not have more.
pub(crate) fn receive(stream: impl AsFd) -> io::Result<Option<(u8, Vec<OwnedFd>)>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    // One byte at a time, so that descriptors come with the byte they were sent with.
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let received = recvmsg(stream, &mut [IoSliceMut::new(&mut byte)], &mut control, flags)?;
    if received.bytes == 0 {
        return Ok(None);
    }
    let rights = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    Ok(Some((byte[0], rights.flatten().collect())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::{FdFlags, fcntl_getfd};
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    #[test]
    fn descriptors_come_with_their_byte() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (mut read, write) = io::pipe().unwrap();
        let null = File::open("/dev/null").unwrap();
        send(&ours, 1, &[write.as_fd()]).unwrap();
        send(&ours, 2, &[]).unwrap();
        send(&ours, 3, &[null.as_fd(), write.as_fd()]).unwrap();
        drop((ours, write));
        let mut got = Vec::new();
        while let Some((byte, descriptors)) = receive(&theirs).unwrap() {
            got.push((byte, descriptors.len()));
            for descriptor in descriptors {
                assert_eq!(fcntl_getfd(&descriptor).unwrap(), FdFlags::CLOEXEC);
                // The null device, opened for reading, takes nothing.
                let _ = write!(File::from(descriptor), "{byte}");
            }
        }
        assert_eq!(got, [(1, 1), (2, 0), (3, 2)]);
        let mut written = String::new();
        read.read_to_string(&mut written).unwrap();
        assert_eq!(written, "13");
    }

    #[test]
    fn nobody_waits() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let would_block = |error: io::Error| error.kind() == io::ErrorKind::WouldBlock;
        assert!(receive(&theirs).is_err_and(would_block));
        let null = File::open("/dev/null").unwrap();
        let full = (0..1_000_000).find_map(|_| send(&ours, 1, &[null.as_fd()]).err());
        assert!(full.is_some());
        drop(theirs);
        assert!(send(&ours, 1, &[null.as_fd()]).is_err());
    }
}
