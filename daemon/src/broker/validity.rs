//! How much of its life a credential must have left to be lent. Pure.

use std::time::Duration;

/// What is lent has this much left, if a refresh can be had: a request that takes a while, or a clock that is a little off, must not
/// outlive it.
const FLOOR: Duration = Duration::from_secs(60);
/// The same as a part of its life, for one that lives shortly: more would refresh it for every second request.
const FLOOR_PART: f64 = 0.1;

/// How much of its life a request wants a credential to have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// This much.
    AtLeast(Duration),
    /// It is for a cache that keeps it for this long, and may hand it out for as long again before it has the next one.
    Outliving(Duration),
}

impl From<Duration> for Validity {
    fn from(least: Duration) -> Self {
        Self::AtLeast(least)
    }
}

impl Validity {
    /// What must be left of a credential with this lifetime. A wish that no refresh could fulfil is cut, for it would run
    /// a command for every call: one in figures to nearly the whole lifetime; one of a cache to half of it, and to
    /// nothing if the lifetime is no longer than the cache keeps it anyway.
    pub(super) fn least(self, lifetime: Duration) -> Duration {
        match self {
            Self::AtLeast(least) => least.min(lifetime.mul_f64(0.9)),
            Self::Outliving(cached) if lifetime <= cached.mul_f64(1.1) => Duration::ZERO,
            Self::Outliving(cached) => (cached * 2).min(lifetime / 2),
        }
    }
}

/// What must be left for any session that waits, of a credential that had this life when it came: a source that brings the same
/// one again, with less of its life left, is not asked for each request.
pub(super) fn floor(life: Duration) -> Duration {
    FLOOR.min(life.mul_f64(FLOOR_PART))
}

#[cfg(test)]
mod tests {
    use super::floor;
    use std::time::Duration;

    #[test]
    fn a_tenth_of_a_life_and_a_minute_at_most() {
        for (life, expected) in [(0, 0), (5_000, 500), (30_000, 3_000), (61_000, 6_100), (3_600_000, 60_000)]
        {
            assert_eq!(floor(Duration::from_millis(life)), Duration::from_millis(expected), "{life}");
        }
    }
}
