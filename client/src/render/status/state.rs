//! The state of a cache entry.

use crate::render::time;
use claviger::proto::v1::CacheEntry;
use std::time::SystemTime;

/// Assessment of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// As it should be.
    Good,
    /// Unusual.
    Busy,
    /// Wrong.
    Bad,
}

/// The assessment of an entry's state.
pub(crate) fn mood(entry: &CacheEntry, now: SystemTime) -> Mood {
    match state(entry, now) {
        "fresh" => Mood::Good,
        "failed" | "expired" => Mood::Bad,
        _ => Mood::Busy,
    }
}

/// The state of an entry in one word.
pub(crate) fn state(entry: &CacheEntry, now: SystemTime) -> &'static str {
    let expired = entry.expires_at.as_ref().is_some_and(|at| time::is_over(at, now));
    match entry {
        entry if entry.refreshing => "refreshing",
        entry if entry.generation == 0 && entry.last_problem.is_some() => "failed",
        entry if entry.generation == 0 => "empty",
        _ if expired => "expired",
        entry if entry.stale => "stale",
        _ => "fresh",
    }
}
