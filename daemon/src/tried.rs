//! From which surroundings something was tried in vain while a pause holds: what failed in one terminal, say for want of a
//! display, may work from another. Pure.

use serde::{Deserialize, Serialize};

/// Surroundings from which something is tried, as a digest: those of the session that starts it.
pub type TryOrigin = u64;

/// Most tries from different surroundings before all wait for the end of the pause.
pub const MOST_ORIGINS: usize = 3;

/// The places of one round.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tried(Vec<TryOrigin>);

impl Tried {
    /// Notes a try from `place`.
    pub fn note(&mut self, place: TryOrigin) {
        self.0.push(place);
    }

    /// Whether it was tried from `place`.
    pub fn has(&self, place: TryOrigin) -> bool {
        self.0.contains(&place)
    }

    /// Whether `place` may try in spite of the pause: nothing was tried from there, and not much from elsewhere.
    pub fn lets(&self, place: TryOrigin) -> bool {
        !self.0.is_empty() && !self.has(place) && self.0.len() < MOST_ORIGINS
    }
}
