//! The socket of a connection, of whichever family its listener is.

use crate::listener::address_of;
use crate::spec::Address;
use bytes::BufMut;
use socket2::{SockRef, Socket};
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A stream of bytes to and from a client.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Does the same with the stream of either family.
macro_rules! either {
    ($stream:expr, $inner:ident => $done:expr) => {
        match $stream {
            Stream::Tcp($inner) => $done,
            Stream::Unix($inner) => $done,
        }
    };
}

impl Stream {
    /// A connection from `peer` that was accepted outside of tokio.
    ///
    /// Its first read waits for epoll, which one that tokio has accepted itself does not.
    #[expect(
        clippy::disallowed_methods,
        reason = "tokio accepts neither from a blocking socket nor when it is told of no arrival"
    )]
    pub(super) fn adopt(socket: Socket, peer: &Address) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        if peer.is_unix() {
            UnixStream::from_std(socket.into()).map(Self::Unix)
        } else {
            TcpStream::from_std(socket.into()).map(Self::Tcp)
        }
    }

    /// The address that the client connected to.
    pub(super) fn local(&self) -> io::Result<Address> {
        SockRef::from(self).local_addr().map(|address| address_of(&address))
    }

    pub(super) async fn readable(&self) -> io::Result<()> {
        either!(self, stream => stream.readable().await)
    }

    pub(super) async fn writable(&self) -> io::Result<()> {
        either!(self, stream => stream.writable().await)
    }

    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        either!(self, stream => stream.try_read(buffer))
    }

    pub(super) fn try_read_buf(&self, buffer: &mut impl BufMut) -> io::Result<usize> {
        either!(self, stream => stream.try_read_buf(buffer))
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        either!(self, stream => stream.try_write(bytes))
    }

    pub(super) fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        either!(self, stream => stream.try_write_vectored(slices))
    }

    /// Ends one side or both, whoever else holds the stream.
    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        SockRef::from(self).shutdown(how)
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        either!(self, stream => stream.as_fd())
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_read(context, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        either!(self, stream => stream.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_shutdown(context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, SockAddr, Type};
    use std::io::{Read, Write};
    use std::path::PathBuf;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// What comes from a client goes back in two pieces, until it ends its side; where the client
    /// has connected to.
    async fn echo(listener: &Socket) -> Address {
        let (socket, peer) = listener.accept().unwrap();
        let mut stream = Stream::adopt(socket, &address_of(&peer)).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let (begin, end) = text.as_bytes().split_at(2);
        assert!(stream.is_write_vectored());
        assert_eq!(stream.try_write_vectored(&[IoSlice::new(begin)]).unwrap(), 2);
        stream.write_all(end).await.unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stream.local().unwrap()
    }

    fn send(listener: &Socket) -> Socket {
        let client = Socket::new(listener.domain().unwrap(), Type::STREAM, None).unwrap();
        client.connect(&listener.local_addr().unwrap()).unwrap();
        (&client).write_all(b"hello").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        client
    }

    #[tokio::test]
    async fn streams_of_both_families_carry_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let path: PathBuf = directory.path().join("socket");
        let tcp = "127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap();
        for (domain, address) in
            [(Domain::IPV4, tcp.into()), (Domain::UNIX, SockAddr::unix(&path).unwrap())]
        {
            let listener = Socket::new(domain, Type::STREAM, None).unwrap();
            listener.bind(&address).unwrap();
            listener.listen(1).unwrap();
            let mut client = send(&listener);
            let local = echo(&listener).await;
            assert_eq!(local, address_of(&listener.local_addr().unwrap()));
            assert_eq!(local.is_unix(), domain == Domain::UNIX);
            let mut came = String::new();
            client.read_to_string(&mut came).unwrap();
            assert_eq!(came, "hello");
        }
    }
}
