//! The use of a gate, in numbers.

use claviger::{proto::v1::GateUse, wire};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::sync::Notify;

/// Totals of a gate.
#[derive(Default)]
pub(crate) struct Used {
    pub(crate) requests: AtomicU64,
    pub(crate) replayed: AtomicU64,
    pub(crate) refused: AtomicU64,
    input_tokens: AtomicU64,
    output_tokens: AtomicU64,
    last_status: AtomicU32,
    /// Seconds since 1970.
    last_at: AtomicU64,
    in_progress: AtomicU32,
    /// Notified of each change.
    changed: Arc<Notify>,
}

/// A request in progress.
pub(crate) struct InProgress(Arc<Used>);

// === impl Used ===

impl Used {
    pub(crate) fn new(changed: Arc<Notify>) -> Self {
        Self { changed, ..Self::default() }
    }

    /// A request begins.
    pub(crate) fn begin(self: &Arc<Self>) -> InProgress {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        self.last_at.store(now, Relaxed);
        self.in_progress.fetch_add(1, Relaxed);
        self.changed.notify_one();
        InProgress(self.clone())
    }

    /// An answer is passed on.
    pub(crate) fn answered(&self, status: u16) {
        self.last_status.store(status.into(), Relaxed);
    }

    /// So many more tokens were read and written.
    pub(crate) fn tokens(&self, input: u64, output: u64) {
        self.input_tokens.fetch_add(input, Relaxed);
        self.output_tokens.fetch_add(output, Relaxed);
        self.changed.notify_one();
    }

    /// The totals now.
    pub(crate) fn totals(&self) -> GateUse {
        let last = Some(self.last_at.load(Relaxed)).filter(|at| *at > 0);
        let last = last.and_then(|at| UNIX_EPOCH.checked_add(std::time::Duration::from_secs(at)));
        GateUse {
            requests: self.requests.load(Relaxed),
            replayed: self.replayed.load(Relaxed),
            refused: self.refused.load(Relaxed),
            last_status: self.last_status.load(Relaxed),
            last_request_at: last.map(wire::timestamp),
            in_progress: self.in_progress.load(Relaxed),
            input_tokens: self.input_tokens.load(Relaxed),
            output_tokens: self.output_tokens.load(Relaxed),
        }
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.in_progress.fetch_sub(1, Relaxed);
        self.0.changed.notify_one();
    }
}
