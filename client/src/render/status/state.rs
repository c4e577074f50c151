//! The state of a cache entry.

use crate::render::time;
use claviger::proto::v1::SlotStatus;
use std::time::SystemTime;

/// How a state is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// As it should be.
    Good,
    /// Worth a look.
    Busy,
    /// Wrong.
    Bad,
}

/// How the state of an entry is to be taken.
pub(crate) fn mood(slot: &SlotStatus, now: SystemTime) -> Mood {
    match state(slot, now) {
        "fresh" => Mood::Good,
        "failed" | "expired" => Mood::Bad,
        _ => Mood::Busy,
    }
}

/// The state of an entry in a word.
pub(crate) fn state(slot: &SlotStatus, now: SystemTime) -> &'static str {
    let expired = slot.expires_at.as_ref().is_some_and(|at| time::is_over(at, now));
    match slot {
        slot if slot.refreshing => "refreshing",
        slot if slot.generation == 0 && slot.last_problem.is_some() => "failed",
        slot if slot.generation == 0 => "empty",
        _ if expired => "expired",
        slot if slot.stale => "stale",
        _ => "fresh",
    }
}
