//! One file of the audit log.
//!
//! Lines wait in memory and are written beside the requests, so that a disk that is slow, full or hangs never delays a
//! credential. What does not fit into memory meanwhile is lost, and that is said: in the log, in the status, and in the
//! audit log itself once it can be written again.

use super::{
    line::Line,
    queue::{Queue, State},
    repeats::WINDOW,
};
use crate::{
    host::{
        audit_file::{AuditFile, Unwritten},
        clock::Clock,
    },
    live::lock,
    peer::Peer,
};
use claviger::audit::AuditEvent;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{
    sync::Notify,
    task::spawn_blocking,
    time::{sleep, timeout},
};

/// How long lines are collected before they are written together. Longer than a burst of sessions, and about what a
/// crash may cost.
const COLLECT: Duration = Duration::from_millis(50);
/// Pause before another attempt on a disk that took nothing.
const RETRY: Duration = Duration::from_secs(2);
/// From here on a disk that has not answered is said to hang.
const SILENT: Duration = Duration::from_secs(5);
/// How long the last lines may take when the daemon ends.
const LAST: Duration = Duration::from_secs(1);

/// Where lines go.
pub(super) trait Sink: std::fmt::Debug + Send {
    /// Appends whole lines. Blocks as long as the disk does.
    fn append(&mut self, lines: &[u8]) -> Result<(), Unwritten>;
}

impl Sink for AuditFile {
    fn append(&mut self, lines: &[u8]) -> Result<(), Unwritten> {
        AuditFile::append(self, lines)
    }
}

/// Collects lines and writes them.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    queue: Mutex<Queue>,
    sink: Mutex<Box<dyn Sink>>,
    wake: Notify,
    clock: Clock,
}

impl Log {
    /// Appends to `file`, as long as the runtime lives.
    pub(super) fn start(file: AuditFile, clock: Clock) -> Arc<Self> {
        Self::start_on(file.path().to_owned(), Box::new(file), clock)
    }

    pub(super) fn start_on(path: PathBuf, sink: Box<dyn Sink>, clock: Clock) -> Arc<Self> {
        let (queue, sink, wake) = (Mutex::default(), Mutex::new(sink), Notify::new());
        let log = Arc::new(Self { path, queue, sink, wake, clock });
        let writer = log.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = writer.wake.notified() => {}
                    () = sleep(WINDOW), if writer.queue().has_counted() => {}
                }
                sleep(COLLECT).await;
                while !writer.write().await {
                    sleep(RETRY).await;
                }
            }
        });
        log
    }

    /// Notes a line. Never waits for the disk.
    pub(super) fn note(&self, line: Line<'_>) {
        if self.queue().push(line, self.clock.now()) {
            self.wake.notify_one();
        }
    }

    /// Notes a call that was turned away: one line a second at most, or a stranger could push everything else out of the
    /// log.
    pub(super) fn rejected(&self, peer: &Peer, reason: &'static str) {
        let count = self.queue().count_rejection(self.clock.now());
        if let Some(count) = count {
            self.note(Line::of(AuditEvent::Peer, reason).by(peer).count(count, None));
        }
    }

    /// Writes what has been collected, and gives up on a disk that does not answer in a second.
    pub(super) async fn flush(self: &Arc<Self>) {
        self.queue().end_counts(self.clock.now());
        if timeout(LAST, self.write()).await.is_err() {
            tracing::warn!("the last lines of the audit log are not written: the disk does not answer");
        }
    }

    /// The state, for people.
    pub(super) fn state(&self) -> State {
        self.queue().state(&self.path)
    }

    /// Writes what has been collected; `false` if some of it is left.
    async fn write(self: &Arc<Self>) -> bool {
        let audit = self.clone();
        let mut writing = spawn_blocking(move || audit.write_pending());
        let Ok(done) = timeout(SILENT, &mut writing).await else {
            tracing::error!(path = %self.path.display(), "the audit log cannot be written: the disk does not answer");
            self.queue().trouble = Some("the disk does not answer".into());
            return writing.await.unwrap_or(true);
        };
        // It fails only if writing panics, and then there is nothing to try again.
        done.unwrap_or(true)
    }

    fn write_pending(&self) -> bool {
        let mut sink = lock(&self.sink);
        loop {
            let lines = self.queue().take(self.clock.now());
            if lines.is_empty() {
                return true;
            }
            let appended = sink.append(&lines);
            let had_trouble = self.queue().written(lines, &appended);
            match (&appended, had_trouble) {
                (Err(Unwritten { error, .. }), false) => {
                    tracing::error!(%error, path = %self.path.display(), "the audit log cannot be written");
                }
                (Ok(()), true) => tracing::info!("the audit log is written again"),
                _ => {}
            }
            if appended.is_err() {
                return false;
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
