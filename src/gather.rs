//! Combines the writes of a connection.
//!
//! HTTP/2 flushes each frame separately, and each flush wakes the other side: three times for a request of a few
//! hundred bytes. Here a flush is delayed until all ready tasks have run, which takes microseconds and no system call.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use zeroize::Zeroize as _;

/// Most bytes to gather.
const MOST: usize = 16 * 1024;

/// A stream whose writes are gathered.
#[derive(Debug)]
pub struct Gathered<T> {
    inner: T,
    waiting: Vec<u8>,
    /// Number of bytes of `waiting` that are already written.
    written: usize,
    /// Whether bytes arrived since the last flush.
    has_grown: bool,
}

impl<T> Gathered<T> {
    /// Gathers writes to `inner`.
    pub fn new(inner: T) -> Self {
        Self { inner, waiting: Vec::new(), written: 0, has_grown: false }
    }

    /// The inner stream, for reading: only writes are gathered.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }
}

impl<T: AsyncWrite + Unpin> Gathered<T> {
    /// Writes all waiting bytes.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.waiting.len() {
            let bytes = &self.waiting[self.written..];
            match ready!(Pin::new(&mut self.inner).poll_write(cx, bytes))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        // The buffer is not kept: it can hold secrets, and most connections are idle most of the time.
        self.waiting.zeroize();
        (self.waiting, self.written) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.has_grown = true;
        if self.waiting.len() < MOST { Poll::Ready(Ok(())) } else { self.poll_send(cx) }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Gathered<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Gathered<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_room(cx))?;
        self.waiting.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_room(cx))?;
        bytes.iter().for_each(|slice| self.waiting.extend_from_slice(slice));
        Poll::Ready(Ok(bytes.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// The first flush after a write yields once, so that all ready tasks run before it.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.has_grown) {
            cx.waker().wake_by_ref();
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::{Gathered, MOST};
    use std::{future::poll_fn, pin::Pin, task::Poll};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _},
        net::UnixStream,
    };

    #[tokio::test]
    async fn what_is_flushed_in_one_go_is_written_at_once() {
        let (ours, mut theirs) = UnixStream::pair().expect("a pair");
        let mut ours = Gathered::new(ours);
        let mut flushes = 0;
        poll_fn(|cx| {
            for text in [&b"one "[..], b"two "].into_iter().filter(|_| flushes == 0) {
                assert!(Pin::new(&mut ours).poll_write(cx, text).is_ready());
                assert!(Pin::new(&mut ours).poll_flush(cx).is_ready());
            }
            flushes += 1;
            // As HTTP/2 does each time it is woken.
            assert!(Pin::new(&mut ours).poll_flush(cx).is_ready());
            if flushes < 2 { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        let mut read = [0; 64];
        assert_eq!(theirs.read(&mut read).await.expect("bytes"), 8);
        assert_eq!(&read[..8], b"one two ");
    }

    #[tokio::test]
    async fn all_of_it_arrives_however_much_it_is() {
        let (ours, mut theirs) = UnixStream::pair().expect("a pair");
        let sent = vec![7; 100 * MOST + 1];
        let writer = tokio::spawn(async move {
            let mut ours = Gathered::new(ours);
            ours.write_all(&sent).await.expect("written");
            ours.write_all(b"end").await.expect("written");
            ours.shutdown().await.expect("shut down");
        });
        let mut read = Vec::new();
        theirs.read_to_end(&mut read).await.expect("bytes");
        writer.await.expect("no panic");
        assert_eq!(read.len(), 100 * MOST + 4);
        assert!(read.ends_with(b"\x07end"));
    }
}
