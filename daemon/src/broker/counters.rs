//! Totals of each source since the start, which a daemon that takes over continues.

use crate::live::lock;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

/// The counters. New ones are only added at the end: another release reads them by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Requests for a credential.
    Requests,
    /// Requests answered at once.
    Hits,
    /// Requests that waited for a refresh.
    Waits,
    /// Requests that ended with a problem.
    Failed,
    /// Commands run.
    Runs,
    /// Reports of rejected credentials, including those of hooks that asked again.
    Rejections,
    /// Requests that needed no cache.
    Own,
    /// Requests refused at once with a problem.
    Refused,
}

/// Number of counters.
const KINDS: usize = Count::Refused as usize + 1;

/// Upper bounds of the buckets that refreshes are counted in, in seconds: from a child that reads a file to a person who
/// signs in. The last bucket has none.
pub const BOUNDS: [f64; 12] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0];

/// Durations of refreshes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Durations {
    /// How many took no longer than each of [`BOUNDS`], and longer than the one before; the last ones took longer than all.
    pub buckets: [u64; BOUNDS.len() + 1],
    /// The sum of all.
    pub seconds: f64,
}

/// Totals of one source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// In the order of [`Count`].
    counts: Vec<u64>,
    /// Refreshes that brought a credential.
    pub refreshed: Durations,
    /// Those that failed.
    pub failed: Durations,
}

/// The totals.
#[derive(Debug, Default)]
pub struct Counters {
    /// By source; the empty one has what belongs to none, as requests that were refused before one was found.
    sources: Mutex<BTreeMap<String, Totals>>,
    watchers: AtomicU32,
}

// === impl Durations ===

impl Durations {
    fn add(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.buckets[BOUNDS.partition_point(|bound| *bound < seconds)] += 1;
        self.seconds += seconds;
    }
}

// === impl Totals ===

impl Totals {
    /// How many of a kind.
    pub fn get(&self, count: Count) -> u64 {
        self.counts.get(count as usize).copied().unwrap_or_default()
    }

    fn add(&mut self, count: Count) {
        if self.counts.len() < KINDS {
            self.counts.resize(KINDS, 0);
        }
        self.counts[count as usize] += 1;
    }
}

// === impl Counters ===

impl Counters {
    /// One more of `source`; of none, if that is empty.
    pub(super) fn add(&self, source: &str, count: Count) {
        self.of(source, |totals| totals.add(count));
    }

    /// A refresh of `source` that took so long, and whether it brought a credential.
    pub(super) fn refreshed(&self, source: &str, is_good: bool, took: Duration) {
        self.of(source, |totals| {
            let durations = if is_good { &mut totals.refreshed } else { &mut totals.failed };
            durations.add(took);
        });
    }

    fn of(&self, source: &str, change: impl FnOnce(&mut Totals)) {
        let mut sources = lock(&self.sources);
        match sources.get_mut(source) {
            Some(totals) => change(totals),
            None => change(sources.entry(source.to_owned()).or_default()),
        }
    }

    /// How many so far, of all sources.
    pub fn get(&self, count: Count) -> u64 {
        lock(&self.sources).values().map(|totals| totals.get(count)).sum()
    }

    /// A watch stream was opened.
    pub(super) fn opened(&self) {
        self.watchers.fetch_add(1, Relaxed);
    }

    /// A watch stream has ended.
    pub(super) fn closed(&self) {
        self.watchers.fetch_sub(1, Relaxed);
    }

    /// Open watch streams.
    pub fn watchers(&self) -> u32 {
        self.watchers.load(Relaxed)
    }

    /// The totals by source, for the status and for the next daemon.
    pub fn sources(&self) -> BTreeMap<String, Totals> {
        lock(&self.sources).clone()
    }

    /// Continues the totals of the last daemon.
    pub(super) fn inherit(&self, sources: BTreeMap<String, Totals>) {
        *lock(&self.sources) = sources;
    }
}

#[cfg(test)]
mod tests {
    use super::{BOUNDS, Count, Counters, Totals};
    use std::{collections::BTreeMap, time::Duration};

    #[test]
    fn a_shorter_list_of_an_older_release_is_continued() {
        let counters = Counters::default();
        let older = Totals { counts: vec![5, 4], ..Totals::default() };
        counters.inherit(BTreeMap::from([("a".to_owned(), older)]));
        counters.add("a", Count::Hits);
        counters.add("b", Count::Refused);
        assert_eq!(
            [Count::Requests, Count::Hits, Count::Refused].map(|count| counters.get(count)),
            [5, 5, 1]
        );
        let sources = counters.sources();
        assert_eq!(sources["a"].counts, [5, 5, 0, 0, 0, 0, 0, 0]);
        assert_eq!(sources["b"].counts, [0, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn a_duration_is_in_the_first_bucket_that_has_room_for_it() {
        let counters = Counters::default();
        for millis in [0, 10, 11, 180_000, 180_001] {
            counters.refreshed("a", true, Duration::from_millis(millis));
        }
        counters.refreshed("a", false, Duration::from_secs(1));
        let totals = &counters.sources()["a"];
        let mut expected = [0; BOUNDS.len() + 1];
        (expected[0], expected[1], expected[11], expected[12]) = (2, 1, 1, 1);
        assert_eq!(totals.refreshed.buckets, expected);
        assert!((totals.refreshed.seconds - 360.022).abs() < 1e-9, "{totals:?}");
        assert_eq!((totals.failed.buckets[5], totals.failed.buckets.iter().sum()), (1, 1));
        assert!(BOUNDS.is_sorted());
    }
}
