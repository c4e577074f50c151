//! The process at the other end of a connection, as the kernel reports it when the connection is accepted.

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

/// Pause after an error in accepting a connection, for example without free descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Most connections accepted before other tasks run. All callers share one kernel queue, so it has to be emptied to
/// find those behind a flood.
const ACCEPTED: usize = 1024;
/// Most connections set up before other tasks run: setup costs many times as much.
const SERVED: usize = 16;
/// After so many, waiting connections that were displaced are closed.
const SWEEP: usize = 16;

/// Source of connections.
#[derive(Debug)]
pub struct Sockets {
    /// The listening socket.
    pub now: UnixListener,
    /// Its successors, one after the other.
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
    /// Notified of each connection.
    arrival: Arc<Notify>,
    /// Permissions of new connections, until they show the cookie.
    caller: Caller,
    connections: Arc<Connections>,
    waiting: Turns<Accepted>,
    /// Connections accepted and set up since other tasks ran.
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
    /// Accepts from `sockets`, with the permissions of `caller`, within the limits of `connections`, and notifies
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
            tracing::warn!(%error, "the writer of a connection cannot be identified");
        }
        let (waiting, done, warned) = (Turns::default(), (0, 0), Rarely::new());
        Self { sockets, arrival, caller, connections, waiting, done, pause: None, warned }
    }

    /// Accepts waiting connections up to the limit. Each is listed from then on, and may displace another one of the
    /// same process.
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
            // All at once: a tenth of a flood would use up tokio's budget of a task.
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
