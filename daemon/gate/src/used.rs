//! The use of a gate, in numbers.

mod models;

pub(crate) use models::Model;

use claviger::{proto::v1::GateUse, wire};
use models::Models;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::Notify;

/// Totals of a gate.
#[derive(Default)]
pub(crate) struct Used {
    requests: AtomicU64,
    replayed: AtomicU64,
    refused: AtomicU64,
    models: Models,
    rotated: AtomicU64,
    /// Smoothed, in nanoseconds; 0 before the first.
    added: AtomicU64,
    last_status: AtomicU32,
    /// Seconds since 1970.
    last_at: AtomicU64,
    in_progress: AtomicU32,
    /// Most at once since that was last asked for.
    peak: AtomicU32,
    /// Notified of each change.
    changed: Arc<Notify>,
}

/// A request in progress.
pub(crate) struct InProgress {
    used: Arc<Used>,
    /// Held by all requests with the same credential.
    credential: Option<Arc<()>>,
}

// === impl Used ===

impl Used {
    pub(crate) fn new(changed: Arc<Notify>) -> Self {
        Self { changed, ..Self::default() }
    }

    /// A request begins.
    pub(crate) fn begin(self: &Arc<Self>) -> InProgress {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        self.last_at.store(now, Relaxed);
        let now = self.in_progress.fetch_add(1, Relaxed) + 1;
        self.peak.fetch_max(now, Relaxed);
        self.changed.notify_one();
        InProgress { used: self.clone(), credential: None }
    }

    /// Most requests at once since the last call.
    pub(crate) fn peak(&self) -> u32 {
        self.peak.swap(self.in_progress.load(Relaxed), Relaxed)
    }

    /// A request has its credential.
    pub(crate) fn sent_on(&self) {
        self.count(&self.requests);
    }

    /// A request is sent a second time.
    pub(crate) fn replayed(&self) {
        self.count(&self.replayed);
    }

    /// A request is answered by the gate itself, with an error.
    pub(crate) fn refused(&self) {
        self.count(&self.refused);
    }

    fn count(&self, total: &AtomicU64) {
        total.fetch_add(1, Relaxed);
        self.changed.notify_one();
    }

    /// A request goes on after the gate has spent `took` on it.
    pub(crate) fn handed_on(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.added.store(smoothed(self.added.load(Relaxed), took), Relaxed);
    }

    /// An answer is passed on.
    pub(crate) fn answered(&self, status: u16) {
        self.last_status.store(status.into(), Relaxed);
    }

    /// A newer credential arrived while a request with an older one was in progress.
    pub(crate) fn rotated(&self) {
        self.count(&self.rotated);
    }

    /// An answer names the model `name`, or none.
    pub(crate) fn answer_of(&self, name: Option<&str>) -> Model {
        self.changed.notify_one();
        self.models.answer_of(name)
    }

    /// `model` read and wrote so many more tokens.
    pub(crate) fn tokens(&self, model: &Model, input: u64, output: u64) {
        self.models.tokens(model, input, output);
        self.changed.notify_one();
    }

    /// The totals now.
    pub(crate) fn totals(&self) -> GateUse {
        let last = Some(self.last_at.load(Relaxed)).filter(|at| *at > 0);
        let last = last.and_then(|at| UNIX_EPOCH.checked_add(Duration::from_secs(at)));
        let models = self.models.all();
        let sum = |of: fn(&_) -> u64| models.iter().map(of).fold(0, u64::saturating_add);
        GateUse {
            requests: self.requests.load(Relaxed),
            replayed: self.replayed.load(Relaxed),
            refused: self.refused.load(Relaxed),
            last_status: self.last_status.load(Relaxed),
            last_request_at: last.map(wire::timestamp),
            in_progress: self.in_progress.load(Relaxed),
            input_tokens: sum(|model: &claviger::proto::v1::GateModelUse| model.input_tokens),
            output_tokens: sum(|model| model.output_tokens),
            rotated: self.rotated.load(Relaxed),
            added_latency: Some(self.added.load(Relaxed))
                .filter(|added| *added > 0)
                .map(|added| wire::duration(Duration::from_nanos(added))),
            models,
        }
    }
}

/// The average after `last`, of which each new value moves it by an eighth of the difference (as RFC 6298 for round trips).
fn smoothed(average: u64, last: u64) -> u64 {
    match average {
        0 => last,
        _ => average - average / 8 + last / 8,
    }
    .max(1)
}

// === impl InProgress ===

impl InProgress {
    /// It goes on with this credential.
    pub(crate) fn with(&mut self, credential: &Arc<()>) {
        self.credential = Some(credential.clone());
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.used.in_progress.fetch_sub(1, Relaxed);
        self.used.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::{Used, smoothed};
    use std::{sync::Arc, time::Duration};

    #[test]
    fn the_added_time_is_an_average_that_one_slow_request_hardly_moves() {
        let used = Arc::new(Used::default());
        assert_eq!(used.totals().added_latency, None);
        (0..100).for_each(|_| used.handed_on(Duration::from_micros(80)));
        used.handed_on(Duration::from_micros(160));
        let added = used.totals().added_latency.expect("there were requests");
        assert!((89_900..=90_000).contains(&added.nanos), "{added:?}");
        assert_eq!(smoothed(0, 1), 1);
        assert_eq!(smoothed(1, 0), 1, "0 is for none");
        assert_eq!(smoothed(u64::MAX, u64::MAX), u64::MAX, "no overflow");
    }
}
