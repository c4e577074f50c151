//! The body of a request on its way. Sent parts are kept, within bounds, as long as the request may have to be sent again. After the
//! answer, the rest of the body is discarded, so that the client gets to reading the answer.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use std::{
    collections::VecDeque,
    error::Error,
    fmt, mem,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::time::timeout;

/// Most bytes that are kept of one body: the limit of the API is 32 MB.
const MOST: usize = 32 * 1024 * 1024;
/// Most bytes that are kept of all bodies together.
const MOST_OF_ALL: usize = 128 * 1024 * 1024;
/// Size of the blocks that it is kept in, in bytes: the kernel gets each back at once. What hyper hands out would keep buffers many times
/// its size, if the client sends by the byte.
const BLOCK: usize = 1024 * 1024;
/// How long what is of no use any more is read.
const LAST: Duration = Duration::from_secs(30);

static KEPT: AtomicUsize = AtomicUsize::new(0);

/// A body that can be sent again.
pub(crate) struct Tee {
    state: Arc<Mutex<State>>,
    size: SizeHint,
}

struct State {
    incoming: Option<Incoming>,
    /// The sent parts; `None` if they are too long, or not needed any more.
    kept: Option<Vec<Vec<u8>>>,
    /// How much memory that takes.
    taken: usize,
    /// Number of the attempt that reads it.
    turn: u32,
    /// The client left before its end.
    is_broken: bool,
    /// Of that sending.
    reader: Option<Waker>,
}

/// The body for one attempt.
pub(crate) struct Outgoing {
    state: Arc<Mutex<State>>,
    size: SizeHint,
    turn: u32,
    /// The parts that earlier attempts have sent.
    again: VecDeque<Bytes>,
    is_empty: bool,
}

/// The reason why a body ended early.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The client left before its end.
    Client,
    /// Another attempt reads it.
    Taken,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "the body of the request is not whole",
            Self::Taken => "the body of the request goes elsewhere",
        })
    }
}

impl Error for Broken {}

// === impl Tee ===

impl Tee {
    pub(crate) fn new(incoming: Incoming) -> Self {
        let size = incoming.size_hint();
        let state = State {
            incoming: Some(incoming),
            kept: Some(Vec::new()),
            taken: 0,
            turn: 0,
            is_broken: false,
            reader: None,
        };
        Self { state: Arc::new(Mutex::new(state)), size }
    }

    /// The body from its beginning. `None` if its beginning was not kept.
    pub(crate) fn send(&self) -> Option<Outgoing> {
        let mut state = claviger_private::lock(&self.state);
        let kept = match state.turn {
            0 => Vec::new(),
            // There is no third time.
            _ => state.kept.take()?,
        };
        let again: VecDeque<_> = kept.into_iter().map(Bytes::from).collect();
        state.turn();
        let is_empty = again.is_empty() && state.incoming.as_ref().is_none_or(Body::is_end_stream);
        Some(Outgoing { state: self.state.clone(), size: self.size, turn: state.turn, again, is_empty })
    }

    /// Whether it can be sent again.
    pub(crate) fn is_kept(&self) -> bool {
        claviger_private::lock(&self.state).kept.is_some()
    }

    /// Keeps no part any more.
    pub(crate) fn forget(&self) {
        claviger_private::lock(&self.state).forget();
    }

    /// Whether the client left before its end.
    pub(crate) fn is_broken(&self) -> bool {
        claviger_private::lock(&self.state).is_broken
    }

    /// Discards the rest, if there is any. Ends when the client leaves.
    pub(crate) fn drain(&self) {
        let mut state = claviger_private::lock(&self.state);
        state.forget();
        state.turn();
        let Some(mut incoming) = state.incoming.take().filter(|incoming| !incoming.is_end_stream()) else {
            return;
        };
        tokio::spawn(async move {
            let all = async { while let Some(Ok(_)) = incoming.frame().await {} };
            drop(timeout(LAST, all).await);
        });
    }
}

// === impl State ===

impl State {
    /// The last sending, if it still runs, reads no more.
    fn turn(&mut self) {
        self.turn += 1;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn forget(&mut self) {
        self.kept = None;
        KEPT.fetch_sub(mem::take(&mut self.taken), Relaxed);
    }

    fn keep(&mut self, mut data: &[u8]) {
        while let Some(kept) = &mut self.kept
            && !data.is_empty()
        {
            if kept.last().is_none_or(|block| block.len() == block.capacity()) {
                let block = Vec::with_capacity(data.len().max(self.taken).min(BLOCK));
                self.taken += block.capacity();
                let all = KEPT.fetch_add(block.capacity(), Relaxed) + block.capacity();
                kept.push(block);
                if self.taken > MOST + BLOCK || all > MOST_OF_ALL {
                    return self.forget();
                }
            }
            if let Some(block) = kept.last_mut() {
                let (now, later) = data.split_at(data.len().min(block.capacity() - block.len()));
                block.extend_from_slice(now);
                data = later;
            }
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.forget();
    }
}

// === impl Outgoing ===

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Some(data) = self.again.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let mut state = claviger_private::lock(&self.state);
        if state.turn != self.turn {
            return Poll::Ready(Some(Err(Broken::Taken)));
        }
        loop {
            let Some(incoming) = &mut state.incoming else { return Poll::Ready(None) };
            let Poll::Ready(frame) = Pin::new(incoming).poll_frame(cx) else {
                state.reader = Some(cx.waker().clone());
                return Poll::Pending;
            };
            match frame {
                Some(Ok(frame)) => {
                    // Trailers are dropped.
                    let Ok(data) = frame.into_data() else { continue };
                    state.keep(&data);
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(_)) => {
                    state.is_broken = true;
                    return Poll::Ready(Some(Err(Broken::Client)));
                }
                None => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}
