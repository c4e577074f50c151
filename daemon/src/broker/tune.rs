//! Limits that change while the daemon runs. Nothing in the cache is dropped for it.

use super::Broker;
use crate::{config::Limits, lock::lock};
use std::sync::Arc;

/// What the cache holds, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Entries with a secret.
    pub credentials: usize,
    /// Refreshes in progress.
    pub refreshes: usize,
    /// Whether nothing is lent.
    pub locked: bool,
}

impl Broker {
    /// The bounds that hold now.
    pub fn limits(&self) -> Limits {
        self.limits.get()
    }

    /// Has other bounds from now on. Commands that run keep their deadlines; a cache that is too large shrinks as new
    /// entries come. Returns whether they are others.
    pub fn tune(self: &Arc<Self>, limits: Limits) -> bool {
        let before = self.limits.set(limits);
        if before == limits {
            return false;
        }
        self.turns.resize(before.commands, limits.commands);
        // How long an idle entry is looked after may be another time now.
        lock(&self.entries).values().for_each(super::Entry::bump);
        true
    }

    /// Counts what is there. It takes the lock that every request takes.
    pub fn census(&self) -> Census {
        let mut census = Census { locked: self.is_locked(), ..Census::default() };
        self.each_entry(|_, entry| {
            census.credentials += usize::from(entry.secret.is_some());
            census.refreshes += usize::from(entry.flight.is_some());
        });
        census
    }
}
