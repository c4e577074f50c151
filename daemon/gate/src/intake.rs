//! The bytes of a client, on their way to hyper. Each head is checked as it arrived, and the end of the client is noticed even
//! if unread bytes come before it. In place of a refused head, hyper gets a request made here, which is answered with the reason
//! when its turn comes.

use crate::{
    head::{self, Body, Refusal},
    listen::Io,
    peer,
};
#[cfg(test)]
mod tests;

use bytes::{Buf as _, BytesMut};
use hyper::rt::{Read, ReadBufCursor, Write};
use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};
use tokio::time::{Instant, sleep, sleep_until};

/// Most bytes that are read ahead of hyper: more than a head has.
const AHEAD: usize = 2 * head::MAX_HEAD;
/// Bytes per read.
const PART: usize = 32 * 1024;
/// Time limit for a head, from its first byte on.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two checks of a client that has sent more than is read ahead.
const LOOK: Duration = Duration::from_millis(10);
/// The same where all sockets of the machine are looked through.
const LOOK_AROUND: Duration = Duration::from_millis(100);
/// Header of the request that stands for a refused head. A client that sends it is refused as well.
pub(crate) const REFUSED: &str = "x-claviger-refused";
const STAND_IN: &[u8] =
    b"GET / HTTP/1.1\r\nhost: localhost\r\nx-claviger-refused: 1\r\nconnection: close\r\n\r\n";

/// The side of hyper.
pub(crate) struct Wire {
    io: Arc<Io>,
    intake: Arc<Mutex<Intake>>,
}

/// Bytes that were read, and that hyper has not taken yet.
#[derive(Default)]
pub(crate) struct Intake {
    /// Unchecked.
    raw: BytesMut,
    /// Checked.
    ready: BytesMut,
    /// `None`: a head comes next.
    body: Option<Body>,
    /// Arrival of the first byte of the current head.
    since: Option<Instant>,
    refusal: Option<Refusal>,
    /// The client will send no more.
    ended: bool,
    reader: Option<Waker>,
    pump: Option<Waker>,
}

/// Both sides of a connection.
pub(crate) fn of(io: &Arc<Io>) -> (Wire, Arc<Mutex<Intake>>) {
    let intake = Arc::<Mutex<Intake>>::default();
    (Wire { io: io.clone(), intake: intake.clone() }, intake)
}

fn lock(intake: &Mutex<Intake>) -> std::sync::MutexGuard<'_, Intake> {
    claviger_private::lock(intake)
}

/// The reason for a refused head.
pub(crate) fn refusal(intake: &Mutex<Intake>) -> Refusal {
    lock(intake).refusal.unwrap_or(Refusal {
        status: http::StatusCode::BAD_REQUEST,
        why: "a header has the name of one of the gate's own",
    })
}

/// Reads from the client until it is gone. Shutting down its side of the connection counts as leaving.
pub(crate) async fn pump(io: &Io, intake: &Mutex<Intake>) {
    loop {
        let (is_full, due) = {
            let intake = lock(intake);
            (intake.is_full(), intake.since.map(|since| since + PATIENCE))
        };
        let slow = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        match is_full {
            // Nothing is read in this state, so no read shows that the client leaves.
            true => tokio::select! {
                () = poll_fn(|cx| lock(intake).poll_room(cx)) => {}
                () = io.closed(LOOK) => break,
                () = left(io) => break,
            },
            false => tokio::select! {
                read = poll_fn(|cx| read(io, intake, cx)) => match read {
                    Ok(true) => {}
                    Ok(false) | Err(_) => break,
                },
                () = slow => lock(intake).refuse(head::TOO_SLOW),
            },
        }
    }
    let mut intake = lock(intake);
    intake.ended = true;
    intake.wake_reader();
}

/// Reads until nothing more is to be read, or the deadline changes. False at the end of the stream.
fn read(io: &Io, intake: &Mutex<Intake>, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
    loop {
        ready!(io.poll_readable(cx))?;
        let mut intake = lock(intake);
        intake.raw.reserve(PART);
        match io.try_read(&mut intake.raw) {
            Ok(0) => return Poll::Ready(Ok(false)),
            Ok(_) => {
                let before = intake.since;
                intake.sort();
                intake.wake_reader();
                if intake.is_full() || before != intake.since {
                    return Poll::Ready(Ok(true));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
}

/// Resolves when the kernel knows that the client has gone, though its last bytes are still to be read.
async fn left(io: &Io) {
    loop {
        sleep(LOOK_AROUND).await;
        // A row can be missing in one look, if the kernel's table changes meanwhile.
        if peer::has_left(io) && peer::has_left(io) {
            return;
        }
    }
}

/// Discards what a client still sends, so that it gets to reading its answer.
pub(crate) async fn forget(io: &Io) {
    let mut scratch = BytesMut::with_capacity(PART);
    while poll_fn(|cx| io.poll_readable(cx)).await.is_ok() {
        match io.try_read(&mut scratch) {
            Ok(0) => return,
            Ok(_) => scratch.clear(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

// === impl Intake ===

impl Intake {
    fn is_full(&self) -> bool {
        self.refusal.is_none() && self.raw.len() + self.ready.len() >= AHEAD
    }

    /// Resolves when hyper has taken enough.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_full() {
            self.pump = Some(cx.waker().clone());
            return Poll::Pending;
        }
        // The rest of a head could not come meanwhile.
        self.since = self.since.map(|_| Instant::now());
        Poll::Ready(())
    }

    /// Checks what was read, and passes it on.
    fn sort(&mut self) {
        loop {
            if self.refusal.is_some() {
                self.raw.clear();
                return;
            }
            match &mut self.body {
                Some(body) => {
                    let (taken, complete) = body.take(&self.raw);
                    let is_broken = *body == Body::Broken;
                    self.move_on(taken);
                    if is_broken {
                        // hyper and the API see that the body is incomplete.
                        self.raw.clear();
                        self.ended = true;
                        return;
                    }
                    if !complete {
                        return;
                    }
                    self.body = None;
                }
                None => {
                    // Empty lines before a request have no meaning (RFC 9112, section 2.2).
                    while self.raw.starts_with(b"\r\n") {
                        self.raw.advance(2);
                    }
                    let Some(end) = head::end(&self.raw) else {
                        let is_begun = !self.raw.is_empty();
                        self.since = is_begun.then(|| self.since.unwrap_or_else(Instant::now));
                        if self.raw.len() > head::MAX_HEAD {
                            self.refuse(head::TOO_LONG);
                        }
                        return;
                    };
                    self.since = None;
                    if end > head::MAX_HEAD {
                        self.refuse(head::TOO_LONG);
                        return;
                    }
                    match head::check(&self.raw[..end]) {
                        Ok(framing) => {
                            self.move_on(end);
                            self.body = Some(framing.into());
                        }
                        Err(refusal) => self.refuse(refusal),
                    }
                }
            }
        }
    }

    fn move_on(&mut self, length: usize) {
        let part = self.raw.split_to(length);
        match self.ready.is_empty() {
            true => self.ready = part,
            false => self.ready.extend_from_slice(&part),
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.refusal = Some(refusal);
        self.since = None;
        self.raw.clear();
        self.ready.extend_from_slice(STAND_IN);
        self.wake_reader();
    }

    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

// === impl Wire ===

impl Read for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut intake = lock(&self.intake);
        if intake.ready.is_empty() {
            if intake.ended {
                return Poll::Ready(Ok(()));
            }
            intake.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let length = intake.ready.len().min(buffer.remaining());
        let part = intake.ready.split_to(length);
        buffer.put_slice(&part);
        if let Some(pump) = intake.pump.take() {
            pump.wake();
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.io.poll_writable(cx))?;
            match self.io.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.io.poll_writable(cx))?;
            match self.io.try_write_vectored(parts) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.io.shutdown())
    }
}
