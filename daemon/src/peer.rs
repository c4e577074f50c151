//! Who is at the other end of a connection, as the kernel says: found out once, when it is accepted.

mod stream;

pub use stream::PeerStream;

use crate::{
    caller::Caller,
    connections::{Connections, Link},
    host::process::{Asker, Facts, Pinned},
    logs::Rarely,
};
use claviger::reason::{Problem, Reason};
use nix::unistd::Uid;
use std::{
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    net::UnixListener,
    sync::Notify,
    time::{Sleep, sleep},
};
use tokio_stream::Stream;
use tonic::Request;

/// Pause after a connection could not be accepted, as when no file descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A calling process.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// Its user; `None` if the kernel does not say.
    pub uid: Option<u32>,
    /// Its process id at the time it connected.
    pub pid: Option<u32>,
    /// What it was when it was accepted.
    pub facts: Arc<Facts>,
    /// What it may do.
    pub caller: Caller,
    /// Its connection; `None` only where there is none, in tests.
    pub link: Option<Arc<Link>>,
    identity: Option<Arc<Identity>>,
}

/// What tells whether a caller is still the process that connected.
#[derive(Debug)]
struct Identity {
    process: Pinned,
    /// Another user whose process wrote to the connection.
    stranger: OnceLock<u32>,
}

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

/// The caller of a request.
pub fn of<T>(request: &Request<T>) -> Peer {
    request.extensions().get::<Peer>().cloned().unwrap_or_default()
}

// === impl Peer ===

impl Peer {
    /// Looks whether this call comes from our own user, and from the process that connected.
    ///
    /// # Errors
    /// `peer-rejected` or `peer-unknown`.
    pub fn check(&self) -> Result<(), Problem> {
        let stranger = self.identity.as_ref().and_then(|identity| identity.stranger.get().copied());
        let ours = Uid::effective().as_raw();
        match stranger.or(self.uid) {
            None => return Err(Problem::new(Reason::PeerUnknown, "the kernel does not say who is calling")),
            Some(uid) if uid != ours => {
                return Err(Problem::new(Reason::PeerRejected, "this daemon lends to its own user only")
                    .hint("without CLAVIGER_SOCK, a daemon of your own is used"));
            }
            Some(_) => {}
        }
        match self.identity.as_ref().is_none_or(|identity| identity.process.is_running()) {
            true => Ok(()),
            false => {
                Err(Problem::new(Reason::PeerUnknown, "the process that opened this connection has ended")
                    .hint("connect again: a connection is lent to by the process that opened it"))
            }
        }
    }

    /// Which process asks, for those who count sessions and look for loops.
    pub fn asker(&self) -> Asker {
        Asker { pid: self.pid, session: self.facts.session }
    }
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
