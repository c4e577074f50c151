//! Who is at the other end of a connection, as the kernel says: found out once, when it is accepted.

mod process;
mod stream;
mod turns;

pub use process::{Peer, of};
pub use stream::PeerStream;

use crate::{
    caller::Caller,
    connections::{Connections, Link},
    logs::Rarely,
};
use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    net::{UnixListener, UnixStream, unix::UCred},
    sync::{Notify, mpsc},
    task::coop::unconstrained,
    time::{Sleep, sleep},
};
use tokio_stream::Stream;
use turns::Turns;

/// Pause after a connection could not be accepted, as when no file descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Most connections that are accepted before other tasks go on. The kernel's queue is one for all callers, so it has to be
/// emptied to find those behind a flood.
const ACCEPTED: usize = 1024;
/// Most connections that are set up before other tasks go on: that costs many times as much.
const SERVED: usize = 16;
/// After so many, those that lost their place while they waited are closed.
const SWEEP: usize = 16;

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
    arrival: Arc<Notify>,
    /// What those who connect may do, until they show more.
    caller: Caller,
    connections: Arc<Connections>,
    waiting: Turns<Accepted>,
    /// Connections that were accepted, and served, since other tasks went on.
    done: (usize, usize),
    pause: Option<Pin<Box<Sleep>>>,
    warned: Rarely,
}

/// A connection that waits for its turn.
#[derive(Debug)]
struct Accepted {
    stream: UnixStream,
    credentials: Option<UCred>,
    link: Arc<Link>,
}

// === impl Incoming ===

impl Incoming {
    /// Accepts from `sockets` those who may do what a `caller` may, as many as `connections` has room for, and tells
    /// `arrival` each time.
    pub fn new(
        sockets: impl Into<Sockets>,
        arrival: Arc<Notify>,
        caller: Caller,
        connections: Arc<Connections>,
    ) -> Self {
        let sockets = sockets.into();
        #[cfg(target_os = "linux")]
        if let Err(error) = crate::host::process::tell_writers(&sockets.now) {
            tracing::warn!(%error, "who writes to a connection is not known");
        }
        let (waiting, done, warned) = (Turns::default(), (0, 0), Rarely::new());
        Self { sockets, arrival, caller, connections, waiting, done, pause: None, warned }
    }

    /// Accepts those who have connected, until there are none, or it is enough for now. Each has its place from then on, and
    /// may have taken it from another one of the same process.
    fn accept(&mut self, cx: &mut Context<'_>) {
        while self.done.0 < ACCEPTED {
            if let Some(pause) = &mut self.pause {
                if pause.as_mut().poll(cx).is_pending() {
                    return;
                }
                self.pause = None;
            }
            if let Some(next) = &mut self.sockets.next
                && let Poll::Ready(Some(socket)) = next.poll_recv(cx)
            {
                self.sockets.now = socket;
            }
            // All at once: what tokio allows a task would be used up by a tenth of a flood.
            let socket = &self.sockets.now;
            let accepted = pin!(unconstrained(poll_fn(|cx| socket.poll_accept(cx)))).poll(cx);
            let Poll::Ready(accepted) = accepted else { return };
            self.done.0 += 1;
            match accepted {
                Ok((stream, _)) => {
                    self.arrival.notify_one();
                    let credentials = stream.peer_cred().ok();
                    let pid = credentials.and_then(|credentials| stream::pid(&credentials));
                    let link = self.connections.open(pid);
                    self.waiting.push(pid, Accepted { stream, credentials, link });
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
            if self.done.0.is_multiple_of(SWEEP) || self.pause.is_some() {
                self.waiting.sweep(|accepted| !accepted.link.is_open());
            }
        }
    }

    /// The connection whose turn it is.
    fn next(&mut self) -> Option<PeerStream> {
        while let Some(Accepted { stream, credentials, link }) = self.waiting.next() {
            if link.serve() {
                return Some(PeerStream::new(stream, credentials, self.caller.clone(), link));
            }
        }
        None
    }
}

impl Stream for Incoming {
    type Item = io::Result<PeerStream>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.accept(cx);
        if self.done.1 < SERVED
            && let Some(stream) = self.next()
        {
            self.done.1 += 1;
            return Poll::Ready(Some(Ok(stream)));
        }
        if !self.waiting.is_empty() || self.done.0 >= ACCEPTED {
            cx.waker().wake_by_ref();
        }
        self.done = (0, 0);
        Poll::Pending
    }
}
