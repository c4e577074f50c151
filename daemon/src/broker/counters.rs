//! Totals since the start, which a daemon that takes over goes on with.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// What is counted. The list only grows at its end: another release reads it by place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Requests for a credential.
    Requests,
    /// Of these, answered at once.
    Hits,
    /// Of these, waited for a refresh.
    Waits,
    /// Of these, ended with a problem.
    Failed,
    /// Commands run.
    Runs,
    /// Reports of rejected credentials, those of hooks that asked again among them.
    Rejections,
    /// Of the requests, needed no cache.
    Own,
    /// Of the requests, ended with a problem at once.
    Refused,
}

/// How many kinds there are.
const KINDS: usize = Count::Refused as usize + 1;

/// The totals.
#[derive(Debug, Default)]
pub struct Counters {
    totals: [AtomicU64; KINDS],
    watchers: AtomicU32,
}

impl Counters {
    /// One more.
    pub(super) fn add(&self, count: Count) {
        self.totals[count as usize].fetch_add(1, Relaxed);
    }

    /// How many so far.
    pub fn get(&self, count: Count) -> u64 {
        self.totals[count as usize].load(Relaxed)
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

    /// The totals for the next daemon.
    pub(super) fn keep(&self) -> Vec<u64> {
        self.totals.iter().map(|total| total.load(Relaxed)).collect()
    }

    /// Goes on with the totals of the last daemon.
    pub(super) fn inherit(&self, totals: &[u64]) {
        self.totals.iter().zip(totals).for_each(|(total, before)| total.store(*before, Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::{Count, Counters};

    #[test]
    fn a_shorter_list_of_an_older_release_is_gone_on_with() {
        let counters = Counters::default();
        counters.add(Count::Refused);
        counters.inherit(&[5, 4]);
        counters.add(Count::Hits);
        assert_eq!(
            [Count::Requests, Count::Hits, Count::Refused].map(|count| counters.get(count)),
            [5, 5, 1]
        );
        assert_eq!(counters.keep(), [5, 5, 0, 0, 0, 0, 0, 1]);
    }
}
