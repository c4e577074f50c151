//! Remaining lifetime that a credential must have to be lent. Pure.

use std::time::Duration;

/// Minimum for every loan, if a refresh is possible: a long request or a slightly wrong clock must not outlive the
/// credential.
const FLOOR: Duration = Duration::from_secs(60);
/// The same as a fraction of the lifetime, for short ones: more would cause a refresh for every second request.
const FLOOR_PART: f64 = 0.1;

/// Required remaining lifetime of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Exactly this much.
    AtLeast(Duration),
    /// For a cache that keeps it for this long, and may use it for as long again before it has the next one.
    Outliving(Duration),
}

impl From<Duration> for Validity {
    fn from(least: Duration) -> Self {
        Self::AtLeast(least)
    }
}

impl Validity {
    /// Required remainder of a credential with this lifetime. A requirement that no refresh could fulfil is reduced,
    /// since it would run a command for every call: an explicit one to nearly the whole lifetime, that of a cache to
    /// half of it, or to nothing if the lifetime does not exceed the cache's time.
    pub(super) fn least(self, lifetime: Duration) -> Duration {
        match self {
            Self::AtLeast(least) => least.min(lifetime.mul_f64(0.9)),
            Self::Outliving(cached) if lifetime <= cached.mul_f64(1.1) => Duration::ZERO,
            Self::Outliving(cached) => (cached * 2).min(lifetime / 2),
        }
    }
}

/// Required remainder for any waiting session, of a credential with this lifetime on arrival: a source that returns the
/// same one again, with less time left, is not asked for each request.
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
