//! One file of the audit log.
//!
//! Lines wait in memory and are written in parallel to requests, so that a slow, full or hanging disk never delays a
//! credential. Lines that do not fit into memory are lost. The loss is reported in the log, in the status, and in the
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

/// How long lines are collected before they are written together. Longer than a burst of sessions; a crash loses about
/// as much.
const COLLECT: Duration = Duration::from_millis(50);
/// Pause before another attempt if the disk accepted nothing.
const RETRY: Duration = Duration::from_secs(2);
/// After this time, a disk that has not answered counts as hanging.
const SILENT: Duration = Duration::from_secs(5);
/// Time limit for the last lines when the daemon ends.
const LAST: Duration = Duration::from_secs(1);

/// Destination of lines.
pub(super) trait Sink: std::fmt::Debug + Send {
    /// Appends complete lines. Blocks as long as the disk does.
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
    /// Appends to `file` until the runtime ends.
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

    /// Adds a line. Never waits for the disk.
    pub(super) fn note(&self, line: Line<'_>) {
        if self.queue().push(line, self.clock.now()) {
            self.wake.notify_one();
        }
    }

    /// Adds a line about a refused call: at most one per second, or a foreign process could push everything else out of
    /// the log.
    pub(super) fn rejected(&self, peer: &Peer, reason: &'static str) {
        let count = self.queue().count_rejection(self.clock.now());
        if let Some(count) = count {
            self.note(Line::of(AuditEvent::Peer, reason).by(peer).count(count, None));
        }
    }

    /// Writes all waiting lines, but waits at most a second for the disk.
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

    /// Writes all waiting lines; `false` if some are left.
    async fn write(self: &Arc<Self>) -> bool {
        let audit = self.clone();
        let mut writing = spawn_blocking(move || audit.write_pending());
        let Ok(done) = timeout(SILENT, &mut writing).await else {
            tracing::error!(path = %self.path.display(), "the audit log cannot be written: the disk does not answer");
            self.queue().trouble = Some("the disk does not answer".into());
            return writing.await.unwrap_or(true);
        };
        // Fails only if writing panics; another attempt would not help then.
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
