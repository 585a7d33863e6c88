//! A socket that tells its [`Watch`] what happens, and that closes without cutting off answers.
//!
//! A socket that is closed while bytes lie unread in it is reset, and the reset may overtake the
//! answer: a sender whose event was refused early would see a broken connection instead of the
//! reason. So after our side is shut, a bounded number of bytes is read and thrown away until the
//! peer shuts its side or [`ServerOptions::linger_timeout`](super::ServerOptions) has passed.
//!
//! The first head is held here until it is whole (`socket/first_head.rs`), because hyper takes
//! buffers of 24 KiB for the first byte of it.

mod first_head;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::watch::Watch;

#[derive(Debug)]
pub(super) struct WatchedSocket {
    stream: TcpStream,
    watch: Arc<Watch>,
    /// What came in and was not given on yet.
    held: Vec<u8>,
    is_at_end: bool,
    is_write_blocked: bool,
    is_shut: bool,
    lingered_bytes: usize,
}

impl WatchedSocket {
    pub(super) fn new(stream: TcpStream, watch: Arc<Watch>) -> Self {
        WatchedSocket {
            stream,
            watch,
            held: Vec::new(),
            is_at_end: false,
            is_write_blocked: false,
            is_shut: false,
            lingered_bytes: 0,
        }
    }

    /// Tells the watch when a write begins or ceases to be blocked.
    fn note_write<T>(&mut self, written: Poll<T>) -> Poll<T> {
        if written.is_pending() {
            self.is_write_blocked = true;
            self.watch.write_blocked();
        } else if self.is_write_blocked {
            self.is_write_blocked = false;
            self.watch.write_moved();
        }
        written
    }

    /// Reads and forgets until the peer is done or the allowance is used up. In the latter case
    /// the socket stays open, unread, until the watch ends it: that gives the peer, whose sending
    /// is now stuck, the time to look at the answer.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let allowance = self.watch.options().linger_bytes_max;
        let mut discarded = [0; 4_096];
        while !self.is_at_end {
            if self.lingered_bytes >= allowance {
                return Poll::Pending;
            }
            let mut buffer = ReadBuf::new(&mut discarded);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    self.lingered_bytes += buffer.filled().len();
                }
                Ok(()) | Err(_) => self.is_at_end = true,
            }
        }
        Poll::Ready(())
    }
}

impl AsyncRead for WatchedSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.held.is_empty() {
            self.give_held(buffer);
            return Poll::Ready(Ok(()));
        }
        let (had_bytes, had_room) = (buffer.filled().len(), buffer.remaining() > 0);
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        if buffer.filled().len() > had_bytes {
            self.watch.received();
        } else if had_room {
            self.is_at_end = true;
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for WatchedSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note_write(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.note_write(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.is_shut = true;
            self.watch.closing();
        }
        ready!(self.poll_linger(cx));
        Poll::Ready(Ok(()))
    }
}
