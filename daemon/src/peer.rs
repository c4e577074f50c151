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
    sync::Notify,
    time::{Sleep, sleep},
};
use tokio_stream::Stream;

/// Pause after a connection could not be accepted, as when no file descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections.
#[derive(Debug)]
pub struct Incoming {
    listener: UnixListener,
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
    /// Accepts from `listener` those who may do what a `caller` may, as many as `connections` has room for, and tells
    /// `somebody` each time.
    pub fn new(
        listener: UnixListener,
        somebody: Arc<Notify>,
        caller: Caller,
        connections: Arc<Connections>,
    ) -> Self {
        #[cfg(target_os = "linux")]
        if let Err(error) = crate::host::process::tell_writers(&listener) {
            tracing::warn!(%error, "who writes to a connection is not known");
        }
        Self { listener, somebody, caller, connections, pause: None, warned: Rarely::new() }
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
