//! Surroundings from which an attempt failed during a pause: a command that failed in one terminal, for example without
//! a display, may succeed from another. Pure.

use serde::{Deserialize, Serialize};

/// Surroundings of an attempt, as a digest: those of the session that starts it.
pub type TryOrigin = u64;

/// Most attempts from different surroundings before all wait for the end of the pause.
pub const MOST_ORIGINS: usize = 3;

/// The surroundings of one round.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tried(Vec<TryOrigin>);

impl Tried {
    /// Records an attempt from `place`.
    pub fn note(&mut self, place: TryOrigin) {
        self.0.push(place);
    }

    /// Whether it was tried from `place`.
    pub fn has(&self, place: TryOrigin) -> bool {
        self.0.contains(&place)
    }

    /// Whether `place` may try during the pause: it has not tried, and there were few attempts from elsewhere.
    pub fn lets(&self, place: TryOrigin) -> bool {
        !self.0.is_empty() && !self.has(place) && self.0.len() < MOST_ORIGINS
    }
}
