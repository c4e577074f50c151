//! A connection: identifies its writers, and limits its idle time.

use super::process::{Identity, Peer};
use crate::{
    caller::Caller,
    connections::{Link, Usage},
    host::process::{self, Pinned},
};
use claviger::gather::Gathered;
use std::{
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{UnixStream, unix::UCred},
    task::coop,
    time::{Instant, Sleep, sleep_until},
};
use tonic::transport::server::Connected;

/// Idle time of a new connection.
const GREETING: Duration = Duration::from_secs(10);
/// Idle time without a call. Clients reconnect by themselves, and a person who types a secret needs less.
const IDLE: Duration = Duration::from_secs(600);
/// Bytes read in one of the 128 steps that tokio permits a task before others run: 16 KiB in all. More would be in
/// memory before its call could count it.
const PORTION: usize = 128;
/// Length of the HTTP/2 connection preface.
const PREFACE: usize = 24;

/// A connection and its peer process.
#[derive(Debug)]
pub struct PeerStream {
    stream: Gathered<UnixStream>,
    peer: Peer,
    link: Arc<Link>,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux identifies writers"))]
    identity: Arc<Identity>,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux identifies writers"))]
    control: process::Control,
    /// Missing bytes of the preface.
    preface: usize,
    /// Fires after the idle time.
    alarm: Option<Pin<Box<Sleep>>>,
}

/// The process at the other end. Zero means that it is not visible, for example in another container.
pub(super) fn pid(credentials: &UCred) -> Option<u32> {
    u32::try_from(credentials.pid()?).ok().filter(|pid| *pid > 0)
}

impl PeerStream {
    /// The facts in `credentials` about the peer process hold since it connected; its program, from now on.
    pub(super) fn new(
        stream: UnixStream,
        credentials: Option<UCred>,
        caller: Caller,
        link: Arc<Link>,
    ) -> Self {
        let pid = credentials.and_then(|credentials| pid(&credentials));
        let process = Pinned::of(&stream, pid);
        let facts = Arc::new(process.facts());
        let uid = credentials.map(|credentials| credentials.uid());
        let identity = Arc::new(Identity { process, stranger: OnceLock::new() });
        let peer =
            Peer { uid, pid, facts, caller, link: Some(link.clone()), identity: Some(identity.clone()) };
        let (stream, control) = (Gathered::new(stream), process::Control::default());
        Self { stream, peer, link, identity, control, preface: PREFACE, alarm: None }
    }

    /// Fails if the connection must be closed: others need its resources, or it was idle for too long. Slow data counts
    /// as idle, too: only calls count.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        loop {
            let since = match self.link.usage(cx) {
                Usage::Over => return Err(io::ErrorKind::ConnectionAborted.into()),
                Usage::Busy => return Ok(()),
                Usage::Idle(since) => since,
            };
            let end = since + if self.preface > 0 { GREETING } else { IDLE };
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(end)));
            // It is set rarely, and may fire too early.
            if alarm.as_mut().poll(cx).is_pending() {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.alarm = None;
        }
    }
}

#[cfg(target_os = "linux")]
impl PeerStream {
    /// Reads, and records whether a process of another user wrote: a connection can be passed on.
    fn poll_receive(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { stream, control, identity, peer, .. } = self;
        let socket = stream.get_ref();
        loop {
            std::task::ready!(socket.poll_read_ready(cx))?;
            let mut received = None;
            let done = socket.try_io(tokio::io::Interest::READABLE, || {
                let room = buffer.initialize_unfilled();
                let most = room.len();
                let (count, _) = *received.insert(process::receive(socket, room, control)?);
                // There is no more data now: returning it here saves a system call that would only report it.
                if count > 0 && count < most { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match (received, done) {
                (Some((count, writer)), _) => {
                    buffer.advance(count);
                    if let Some(writer) = writer.filter(|writer| Some(*writer) != peer.uid) {
                        identity.stranger.get_or_init(|| writer);
                    }
                    return Poll::Ready(Ok(()));
                }
                (None, Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                (None, done) => return Poll::Ready(done),
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl PeerStream {
    fn poll_receive(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl Connected for PeerStream {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for PeerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        let before = buffer.filled().len();
        let read = self.poll_receive(cx, buffer);
        let count = buffer.filled().len() - before;
        self.preface = self.preface.saturating_sub(count);
        for _ in 0..count / PORTION {
            if coop::has_budget_remaining()
                && let Poll::Ready(thing) = coop::poll_proceed(cx)
            {
                thing.made_progress();
            }
        }
        read
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::PeerStream;
    use crate::{
        caller::Caller,
        connections::{Bounds, Connections},
    };
    use std::{future::poll_fn, pin::Pin, task::Poll};
    use tokio::{
        io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf},
        net::UnixStream,
    };

    #[tokio::test]
    async fn what_waits_is_read_by_portions() {
        let (ours, mut theirs) = UnixStream::pair().expect("a pair");
        theirs.write_all(&[0; 100_000]).await.expect("it fits");
        let link = Connections::new(Bounds { connections: 1, bytes: 1 << 20 }).open(None);
        let mut stream = PeerStream::new(ours, None, Caller::default(), link);
        let mut portions = Vec::new();
        while portions.iter().sum::<usize>() < 100_000 {
            let portion = poll_fn(|cx| {
                let mut count = 0;
                loop {
                    let mut room = [0; 8 * 1024];
                    let mut buffer = ReadBuf::new(&mut room);
                    match Pin::new(&mut stream).poll_read(cx, &mut buffer) {
                        Poll::Ready(read) => read.expect("it is open"),
                        Poll::Pending => return Poll::Ready(count),
                    }
                    count += buffer.filled().len();
                }
            });
            portions.push(portion.await);
            tokio::task::yield_now().await;
        }
        assert!(portions.iter().all(|count| *count <= 24 * 1024), "{portions:?}");
    }
}
