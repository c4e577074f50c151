//! Who is at the other end of a connection, as the kernel says: found out once, when it is accepted.

mod process;
mod stream;

pub use process::{Peer, of};
pub use stream::PeerStream;

use crate::{caller::Caller, connections::Connections, logs::Rarely};
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    net::UnixListener,
    sync::{Notify, mpsc},
    time::{Sleep, sleep},
};
use tokio_stream::Stream;

/// Pause after a connection could not be accepted, as when no file descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where connections come from.
#[derive(Debug)]
pub struct Sockets {
    /// The socket that is listened on.
    pub now: UnixListener,
    /// Those that take its place, one after the other.
    pub next: Option<mpsc::Receiver<UnixListener>>,
}

impl From<UnixListener> for Sockets {
    fn from(now: UnixListener) -> Self {
        Self { now, next: None }
    }
}

/// Accepts connections.
#[derive(Debug)]
pub struct Incoming {
    sockets: Sockets,
    /// Told of each connection.
    somebody: Arc<Notify>,
    /// What those who connect may do, until they show more.
    caller: Caller,
    connections: Arc<Connections>,
    pause: Option<Pin<Box<Sleep>>>,
    warned: Rarely,
}

// === impl Incoming ===

impl Incoming {
    /// Accepts from `sockets` those who may do what a `caller` may, as many as `connections` has room for, and tells
    /// `somebody` each time.
    pub fn new(
        sockets: impl Into<Sockets>,
        somebody: Arc<Notify>,
        caller: Caller,
        connections: Arc<Connections>,
    ) -> Self {
        let sockets = sockets.into();
        #[cfg(target_os = "linux")]
        if let Err(error) = crate::host::process::tell_writers(&sockets.now) {
            tracing::warn!(%error, "who writes to a connection is not known");
        }
        Self { sockets, somebody, caller, connections, pause: None, warned: Rarely::new() }
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
            if let Some(next) = &mut self.sockets.next
                && let Poll::Ready(Some(socket)) = next.poll_recv(cx)
            {
                self.sockets.now = socket;
            }
            match std::task::ready!(self.sockets.now.poll_accept(cx)) {
                Ok((stream, _)) => {
                    self.somebody.notify_one();
                    let stream = PeerStream::new(stream, self.caller.clone(), &self.connections);
                    return Poll::Ready(Some(Ok(stream)));
                }
                Err(error) => {
                    let made_room = self.connections.make_room();
                    match self.warned.is_due() {
                        true => tracing::warn!(%error, made_room, "a connection could not be accepted"),
                        false => tracing::debug!(%error, made_room, "a connection could not be accepted"),
                    }
                    self.pause = Some(Box::pin(sleep(ACCEPT_PAUSE)));
                }
            }
        }
    }
}
