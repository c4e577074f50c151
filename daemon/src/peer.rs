//! Who is at the other end of a connection, as the kernel says.

use crate::{caller::Caller, host::system};
use claviger::gather::Gathered;
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{UnixListener, UnixStream},
    sync::Notify,
    time::{Sleep, sleep},
};
use tokio_stream::Stream;
use tonic::{Request, transport::server::Connected};

/// Pause after a connection could not be accepted, as when no file descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A calling process.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// Its user; `None` if the kernel does not say.
    pub uid: Option<u32>,
    /// Its process id at the time it connected.
    pub pid: Option<u32>,
    /// Its program, for the audit log; empty if it hides it.
    pub program: Arc<str>,
    /// The program that started it, which is who wanted something; empty if that is gone.
    pub parent: Arc<str>,
    /// What it may do.
    pub caller: Caller,
}

/// A connection and who is at its other end.
#[derive(Debug)]
pub struct PeerStream {
    stream: Gathered<UnixStream>,
    peer: Peer,
}

/// Accepts connections.
#[derive(Debug)]
pub struct Incoming {
    listener: UnixListener,
    /// Told of each connection.
    somebody: Arc<Notify>,
    /// What those who connect may do, until they show more.
    caller: Caller,
    pause: Option<Pin<Box<Sleep>>>,
}

/// The caller of a request.
pub fn of<T>(request: &Request<T>) -> Peer {
    request.extensions().get::<Peer>().cloned().unwrap_or_default()
}

// === impl Incoming ===

impl Incoming {
    /// Accepts from `listener` those who may do what a `caller` may, and tells `somebody` each time.
    pub fn new(listener: UnixListener, somebody: Arc<Notify>, caller: Caller) -> Self {
        Self { listener, somebody, caller, pause: None }
    }
}

impl Stream for Incoming {
    type Item = io::Result<PeerStream>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(pause) = &mut self.pause {
                std::task::ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match std::task::ready!(self.listener.poll_accept(cx)) {
                Ok((stream, _)) => {
                    self.somebody.notify_one();
                    return Poll::Ready(Some(Ok(PeerStream::new(stream, self.caller.clone()))));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    self.pause = Some(Box::pin(sleep(ACCEPT_PAUSE)));
                }
            }
        }
    }
}

// === impl PeerStream ===

impl PeerStream {
    fn new(stream: UnixStream, caller: Caller) -> Self {
        let credentials = stream.peer_cred().ok();
        let pid = credentials.and_then(|credentials| u32::try_from(credentials.pid()?).ok());
        let program = pid.map(system::program).unwrap_or_default().into();
        let parent = pid.and_then(system::parent).map(system::program).unwrap_or_default().into();
        let uid = credentials.map(|credentials| credentials.uid());
        let peer = Peer { uid, pid, program, parent, caller };
        Self { stream: Gathered::new(stream), peer }
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
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
